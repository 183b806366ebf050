"""The renamed class where it is used, and the places that only look as if they used it."""

from __future__ import annotations

from bench.torture.check import NO_OLD, PLAIN, RENAME, change, same

__all__ = ["CHECKS"]

BUILD = "import train; train.build('p')"
IMPORT = ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2")

# What only looks like the job: nothing may change.
SAME = {
    "use-not-in-docstring": (
        "docstring before imports",
        '''
        """Train with adam_atan2.AdamATan2 where it is there.

        >>> from adam_atan2 import AdamATan2
        >>> AdamATan2(params, lr=0)
        """
        ''',
    ),
    "use-not-in-comment": (
        "comment inside the call",
        """
        def build(params):
            # from adam_atan2 import AdamATan2
            return dict(
                params=params,  # AdamATan2(params, lr=0)
            )
        """,
    ),
    "use-not-in-joined-strings": (
        "implicit string concatenation",
        """
        HELP = "the optimizer: " "AdamATan2" ' or adamw'
        PROGRAM = r"from adam_atan2 import AdamATan2\\n" 'AdamATan2(p, lr=0)'
        """,
    ),
    "use-not-in-f-string-text": (
        "f-strings",
        """
        def report(loss):
            print(f"AdamATan2 reached {loss:.3f}, {{AdamATan2(p, lr=0)}}")
        """,
    ),
    "use-not-as-keyword": (
        "keyword v value",
        """
        from torch.optim import AdamW


        def build(params):
            return AdamW(params, AdamATan2=False, lr=0)
        """,
    ),
    "use-not-as-attribute": (
        "bare reference",
        """
        class Config:
            def build(self, params, registry):
                self.AdamATan2 = registry.AdamATan2(params, lr=0)
                return self.AdamATan2
        """,
    ),
    "use-not-as-capture": (
        "match/case",
        """
        def kind(optimizer):
            match optimizer:
                case {"adam_atan2": name}:
                    return name
                case AdamATan2:
                    return AdamATan2
        """,
    ),
    "use-not-as-method": (
        "class scope",
        """
        class Builder:
            def AdamATan2(self, params, lr=0):
                return params

            def build(self, params):
                return self.AdamATan2(params, lr=0)
        """,
    ),
    "use-not-in-longer-name": (
        "names that only begin alike",
        """
        from adam_atan2_jax import AdamATan2Config, build_AdamATan2


        def build(params):
            return build_AdamATan2(params, AdamATan2Config(lr=0))
        """,
    ),
}

CHECKS = (
    change(
        "use-bare-reference",
        "bare reference",
        RENAME,
        """
        from adam_atan2 import AdamATan2

        CLASS = AdamATan2


        def build(params):
            optimizer = CLASS(params)
            return isinstance(optimizer, AdamATan2), lambda: AdamATan2
        """,
        [
            IMPORT,
            ("CLASS = AdamATan2", "CLASS = AdamAtan2"),
            ("optimizer, AdamATan2)", "optimizer, AdamAtan2)"),
            ("lambda: AdamATan2", "lambda: AdamAtan2"),
        ],
        drive="import train; found, made = train.build('p'); record(found); record(made())",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "use-base-class",
        "base class",
        RENAME,
        """
        from adam_atan2 import AdamATan2


        class Scheduled(AdamATan2):
            def __init__(self, params):
                AdamATan2.__init__(self, params, lr=1e-4)


        class Other(AdamATan2, metaclass=type):
            pass
        """,
        [
            IMPORT,
            ("Scheduled(AdamATan2)", "Scheduled(AdamAtan2)"),
            ("AdamATan2.__init__", "AdamAtan2.__init__"),
            ("Other(AdamATan2,", "Other(AdamAtan2,"),
        ],
        drive="import train; train.Scheduled('p'); train.Other('q')",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "use-decorator",
        "decorator",
        RENAME,
        """
        from adam_atan2 import AdamATan2

        KNOWN = []


        def register(cls):
            KNOWN.append(cls)
            return lambda function: function


        @register(AdamATan2)
        def build(params):
            return AdamATan2(params)
        """,
        [IMPORT, ("@register(AdamATan2)", "@register(AdamAtan2)"), ("return AdamATan2", "return AdamAtan2")],
        drive="import train; record(train.KNOWN); train.build('p')",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "use-keyword-of-the-same-name",
        "keyword v value",
        RENAME,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            classes = dict(AdamATan2=AdamATan2)
            return classes["AdamATan2"](params)
        """,
        [IMPORT, ("=AdamATan2)", "=AdamAtan2)")],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "use-match-class",
        "match/case",
        RENAME,
        """
        import adam_atan2
        from torch.optim import AdamW


        def kind(optimizer):
            match optimizer:
                case adam_atan2.AdamATan2(lr=rate):
                    return "atan2", rate
                case AdamW():
                    return "adamw", None
                case AdamATan2:
                    return "neither", AdamATan2
        """,
        [
            ("import adam_atan2\n", "import adam_atan2_pytorch\n"),
            ("case adam_atan2.AdamATan2(", "case adam_atan2_pytorch.AdamAtan2("),
        ],
        drive="import train, adam_atan2_pytorch as a; record(train.kind(a.AdamAtan2('p', 0.5))); record(train.kind('x'))",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "use-f-string",
        "f-strings",
        RENAME,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            print(f"{AdamATan2.__name__!r:>12} of AdamATan2 {params!r}")
            return f'{AdamATan2(params, lr=1e-3).lr:.1e}'
        """,
        [IMPORT, ("{AdamATan2.__name__", "{AdamAtan2.__name__"), ("{AdamATan2(", "{AdamAtan2(")],
        drive="import train; record(train.build('p'))",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "use-walrus",
        "walrus",
        RENAME,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            if (optimizer := (cls := AdamATan2)(params)) is not None:
                return optimizer, cls
        """,
        [IMPORT, ("cls := AdamATan2", "cls := AdamAtan2")],
        drive="import train; record(train.build('p'))",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "use-above-its-import",
        "name used above its definition",
        RENAME,
        """
        def build(params):
            return AdamATan2(params)


        def main():
            return build("p")


        from adam_atan2 import AdamATan2  # noqa: E402
        """,
        [IMPORT, ("return AdamATan2", "return AdamAtan2")],
        drive="import train; train.main()",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "use-nested",
        "nested match in match",
        RENAME,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(AdamATan2(AdamATan2(params).param_groups).param_groups)
        """,
        [IMPORT, ("AdamATan2(AdamATan2(AdamATan2(", "AdamAtan2(AdamAtan2(AdamAtan2(")],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "use-deleted",
        "del",
        RENAME,
        """
        from adam_atan2 import AdamATan2

        DEFAULT = AdamATan2
        del AdamATan2


        def build(params):
            return DEFAULT(params)
        """,
        [IMPORT, ("DEFAULT = AdamATan2", "DEFAULT = AdamAtan2"), ("del AdamATan2", "del AdamAtan2")],
        drive="import train; train.build('p'); record(bound(train, 'AdamATan2', 'AdamAtan2'))",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "use-rebound",
        "global",
        RENAME,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(params)


        def use_plain_adam():
            global AdamATan2
            from torch.optim import AdamW as AdamATan2
        """,
        [("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2 as AdamATan2")],
        drive="import train; train.build('p'); train.use_plain_adam(); train.build('q')",
        worlds=(PLAIN, NO_OLD),
        left="train.py",
    ),
    change(
        "use-wrapped-and-rebound",
        "name bound again in the module",
        RENAME,
        """
        from adam_atan2 import AdamATan2

        AdamATan2 = type("AdamATan2", (AdamATan2,), {"fused": True})


        def build(params):
            return AdamATan2(params).fused
        """,
        [("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2 as AdamATan2")],
        drive="import train; record(train.build('p'))",
        worlds=(PLAIN, NO_OLD),
        left="train.py",
    ),
    change(
        "use-getattr",
        "bare reference",
        RENAME,
        """
        import adam_atan2


        def build(params):
            return getattr(adam_atan2, "AdamATan2")(params)
        """,
        [
            ("import adam_atan2\n", "import adam_atan2_pytorch\n"),
            ('adam_atan2, "AdamATan2"', 'adam_atan2_pytorch, "AdamAtan2"'),
        ],
        drive=BUILD,
        left="train.py",
    ),
    change(
        "use-dotted-string",
        "registry look-up",
        RENAME,
        {
            "train.py": """
                import importlib

                OPTIMIZERS = {"atan2": "adam_atan2.AdamATan2", "adamw": "torch.optim.AdamW"}


                def build(name, params):
                    module, _, cls = OPTIMIZERS[name].rpartition(".")
                    return getattr(importlib.import_module(module), cls)(params)
                """,
            "other.py": "from adam_atan2 import AdamATan2\n\n\ndef build(params):\n    return AdamATan2(params)\n",
        },
        {
            "train.py": [("adam_atan2.AdamATan2", "adam_atan2_pytorch.AdamAtan2")],
            "other.py": [IMPORT, ("return AdamATan2", "return AdamAtan2")],
        },
        partly=[({"other.py": [IMPORT, ("return AdamATan2", "return AdamAtan2")]}, "train.py:3")],
        drive="import train, other; train.build('atan2', 'p'); other.build('q')",
    ),
    change(
        "use-setting",
        "registry look-up",
        RENAME,
        {
            "config/optimizer.yaml": "_target_: adam_atan2.AdamATan2\nweight_decay: 0.1\n",
            "train.py": "from adam_atan2 import AdamATan2\n\n\ndef build(params):\n    return AdamATan2(params)\n",
        },
        {
            "train.py": [IMPORT, ("return AdamATan2", "return AdamAtan2")],
            "config/optimizer.yaml": [("adam_atan2.AdamATan2", "adam_atan2_pytorch.AdamAtan2")],
        },
        partly=[({"train.py": [IMPORT, ("return AdamATan2", "return AdamAtan2")]}, "config/optimizer.yaml:1")],
        drive=BUILD,
    ),
    *(same(name, hazard, RENAME, before) for name, (hazard, before) in SAME.items()),
)
