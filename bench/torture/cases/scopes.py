"""Scopes: a name means what is bound where it stands, and nothing is known from its spelling."""

from __future__ import annotations

from bench.torture.check import NO_OLD, PLAIN, RENAME, change, same

__all__ = ["CHECKS"]

IMPORT = ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2")

# What only looks like the job: nothing may change.
SAME = {
    "scope-not-a-local-class": (
        "local class of the same name",
        """
        import torch


        class AdamATan2(torch.optim.AdamW):
            pass


        def build(params):
            return AdamATan2(params, lr=0)
        """,
    ),
    "scope-not-a-fallback-class": (
        "two origins from try/except",
        """
        try:
            from fused import AdamATan2
        except ImportError:
            class AdamATan2:
                def __init__(self, params, lr=0):
                    self.params = params


        def build(params):
            return AdamATan2(params, lr=0)
        """,
    ),
    "scope-not-a-parameter": (
        "shadowing parameter",
        """
        def build(AdamATan2, params):
            return AdamATan2(params, lr=0)
        """,
    ),
    "scope-not-a-module-parameter": (
        "shadowing parameter",
        """
        def build(adam_atan2, params):
            return adam_atan2.AdamATan2(params, lr=0)
        """,
    ),
    "scope-not-a-global": (
        "global",
        """
        AdamATan2 = print


        def build(params):
            global AdamATan2
            AdamATan2 = dict
            return AdamATan2(params=params, lr=0)
        """,
    ),
    "scope-not-a-nonlocal": (
        "nonlocal",
        """
        def build(params):
            AdamATan2 = None

            def choose():
                nonlocal AdamATan2
                AdamATan2 = dict

            choose()
            return AdamATan2(params=params, lr=0)
        """,
    ),
    "scope-not-a-local-function": (
        "shadowing local",
        """
        def build(params):
            def AdamATan2(params, lr):
                return params

            return AdamATan2(params, lr=0)
        """,
    ),
    "scope-not-a-comprehension": (
        "comprehension scopes",
        """
        def build(classes, params):
            return [AdamATan2(params, lr=0) for AdamATan2 in classes if AdamATan2]
        """,
    ),
    "scope-not-a-loop": (
        "shadowing local",
        """
        def build(classes, params):
            for AdamATan2 in classes:
                yield AdamATan2(params, lr=0)
            with open(params) as AdamATan2:
                yield AdamATan2
        """,
    ),
    "scope-not-a-walrus": (
        "walrus",
        """
        def build(registry, params):
            if AdamATan2 := registry.get("AdamATan2"):
                return AdamATan2(params, lr=0)
        """,
    ),
    "scope-not-a-deleted-local": (
        "del",
        """
        AdamATan2 = object()
        del AdamATan2
        """,
    ),
}

CHECKS = (
    change(
        "scope-parameter",
        "shadowing parameter",
        RENAME,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(params)


        def build_with(AdamATan2, params):
            return AdamATan2(params)


        def build_by_name(params, *, AdamATan2=None):
            return AdamATan2
        """,
        [IMPORT, ("build(params):\n    return AdamATan2", "build(params):\n    return AdamAtan2")],
        drive="import train; train.build('p'); record(train.build_with(str, 1)); record(train.build_by_name(1, AdamATan2=2))",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "scope-local-variable",
        "shadowing local",
        RENAME,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(params)


        def plain(params):
            from torch.optim import AdamW
            AdamATan2 = AdamW
            return AdamATan2(params)


        def loop(classes):
            for AdamATan2 in classes:
                last = AdamATan2
            return last
        """,
        [IMPORT, ("build(params):\n    return AdamATan2", "build(params):\n    return AdamAtan2")],
        drive="import train; train.build('p'); train.plain('q'); record(train.loop([1, 2]))",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "scope-module-shadowed",
        "shadowing local",
        RENAME,
        """
        import adam_atan2


        def build(params):
            return adam_atan2.AdamATan2(params)


        def build_from(adam_atan2, params):
            return adam_atan2.AdamATan2(params)
        """,
        [
            ("import adam_atan2\n", "import adam_atan2_pytorch\n"),
            (
                "build(params):\n    return adam_atan2.AdamATan2",
                "build(params):\n    return adam_atan2_pytorch.AdamAtan2",
            ),
        ],
        drive="""
import train, types
train.build('p')
record(train.build_from(types.SimpleNamespace(AdamATan2=str), 1))
""",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "scope-local-class-in-function",
        "local class of the same name",
        RENAME,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(params)


        def fake(params):
            class AdamATan2:
                def __init__(self, params):
                    self.params = params

            return AdamATan2(params).params
        """,
        [IMPORT, ("build(params):\n    return AdamATan2", "build(params):\n    return AdamAtan2")],
        drive="import train; train.build('p'); record(train.fake('q'))",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "scope-comprehension",
        "comprehension scopes",
        RENAME,
        """
        from adam_atan2 import AdamATan2


        def build(groups):
            names = [AdamATan2.upper() for AdamATan2 in ("p", "q")]
            made = {AdamATan2: 1 for AdamATan2 in names if AdamATan2}
            return made, [AdamATan2(group) for group in groups]
        """,
        [IMPORT, ("[AdamATan2(group)", "[AdamAtan2(group)")],
        drive="import train; record(train.build(['p', 'q']))",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "scope-class-body",
        "class scope",
        RENAME,
        """
        from adam_atan2 import AdamATan2


        class Config:
            AdamATan2 = "atan2"
            shown = AdamATan2

            def build(self, params):
                return AdamATan2(params, name=self.AdamATan2)
        """,
        [IMPORT, ("return AdamATan2(", "return AdamAtan2(")],
        drive="import train; train.Config().build('p'); record(train.Config.shown); record(train.Config.AdamATan2)",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "scope-lazy-beside-a-local",
        "wrong scope",
        RENAME,
        """
        def build(params):
            from adam_atan2 import AdamATan2
            return AdamATan2(params)


        def plain(params):
            from torch.optim import AdamW as AdamATan2
            return AdamATan2(params, lr=0)
        """,
        [IMPORT, ("import AdamAtan2\n    return AdamATan2", "import AdamAtan2\n    return AdamAtan2")],
        drive="import train; train.build('p'); train.plain('q')",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "scope-nonlocal",
        "nonlocal",
        RENAME,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(params)


        def counter():
            AdamATan2 = 0

            def count():
                nonlocal AdamATan2
                AdamATan2 += 1
                return AdamATan2

            return count
        """,
        [IMPORT, ("build(params):\n    return AdamATan2", "build(params):\n    return AdamAtan2")],
        drive="import train; train.build('p'); record(train.counter()())",
        worlds=(PLAIN, NO_OLD),
    ),
    *(same(name, hazard, RENAME, before) for name, (hazard, before) in SAME.items()),
)
