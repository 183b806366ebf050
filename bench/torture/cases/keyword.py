"""The rate that the renamed class is built with: 0 becomes 1e-8, by keyword or as the second argument."""

from __future__ import annotations

from bench.torture.check import KEYWORD, NO_OLD, PLAIN, RENAME, change, same

__all__ = ["CHECKS"]

BOTH = (RENAME, KEYWORD)
BUILD = "import train; train.build('p')"
IMPORT = ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2")

# What only looks like the job: nothing may change.
SAME = {
    "keyword-not-of-adamw": (
        "same text, other class",
        """
        from torch.optim import AdamW


        def build(params):
            return AdamW(
                params,
                lr=0,  # Needs to be set by scheduler
            )
        """,
    ),
    "keyword-not-of-sgd": (
        "import a.b as c",
        """
        import torch.optim as optim


        def build(params):
            return optim.SGD(params, lr=0)
        """,
    ),
    "keyword-not-of-dict": (
        "*args/**kwargs in the call",
        """
        from adam_atan2_pytorch import AdamAtan2


        def build(params, rate):
            options = dict(lr=0)
            options["lr"] = rate
            return AdamAtan2(params, **options)
        """,
    ),
    "keyword-not-a-default": (
        "wrong scope",
        """
        from adam_atan2_pytorch import AdamAtan2


        def build(params, lr=0, *, make=lambda lr=0: lr):
            return AdamAtan2(params, lr=lr or make(1e-3))
        """,
    ),
    "keyword-not-of-a-local-class": (
        "local class of the same name",
        """
        class AdamAtan2:
            def __init__(self, params, lr):
                self.lr = lr


        def build(params):
            return AdamAtan2(params, lr=0)
        """,
    ),
    "keyword-not-of-a-parameter": (
        "shadowing parameter",
        """
        def build(AdamAtan2, params):
            return AdamAtan2(params, lr=0)
        """,
    ),
    "keyword-not-of-another-module": (
        "same name from another module",
        """
        import optimizers
        from .adam_atan2_pytorch import AdamAtan2


        def build(params):
            return optimizers.AdamAtan2(params, lr=0), AdamAtan2(params, lr=0)
        """,
    ),
    "keyword-not-another-keyword": (
        "keyword v positional",
        """
        from adam_atan2_pytorch import AdamAtan2


        def build(params):
            return AdamAtan2(params, weight_decay=0, betas=(0, 0.99))
        """,
    ),
    "keyword-not-another-rate": (
        "keyword v positional",
        """
        from adam_atan2_pytorch import AdamAtan2


        def build(params):
            return AdamAtan2(params, lr=3e-4), AdamAtan2(params, 0.5), AdamAtan2(params, lr=1e-8)
        """,
    ),
    "keyword-not-inside": (
        "nested match in match",
        """
        from adam_atan2_pytorch import AdamAtan2


        def build(params, groups):
            return AdamAtan2(groups(params, lr=0), lr=1e-3)
        """,
    ),
    "keyword-not-around": (
        "nested match in match",
        """
        from adam_atan2_pytorch import AdamAtan2


        def build(params, schedule):
            return schedule(AdamAtan2(params, lr=1e-3), lr=0)
        """,
    ),
    "keyword-not-a-base-class": (
        "base class",
        """
        from adam_atan2_pytorch import AdamAtan2


        class Scheduled(AdamAtan2):
            def __init__(self, params, lr=0):
                super().__init__(params, lr=lr + 1e-8)
        """,
    ),
    "keyword-not-a-decorator": (
        "decorator",
        """
        import adam_atan2_pytorch
        from registry import register


        @register(adam_atan2_pytorch.AdamAtan2.__name__, lr=0)
        def build(params):
            return None
        """,
    ),
}

CHECKS = (
    change(
        "keyword-plain",
        "keyword v positional",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(params, lr=0, weight_decay=0)
        """,
        [IMPORT, ("AdamATan2(params, lr=0,", "AdamAtan2(params, lr=1e-8,")],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
        twice=True,
    ),
    change(
        "keyword-float",
        "keyword v positional",
        BOTH,
        """
        import adam_atan2


        def build(params):
            return adam_atan2.AdamATan2(lr=0.0, params=params)
        """,
        [
            ("import adam_atan2\n", "import adam_atan2_pytorch\n"),
            ("adam_atan2.AdamATan2(lr=0.0", "adam_atan2_pytorch.AdamAtan2(lr=1e-8"),
        ],
        drive=BUILD,
    ),
    change(
        "keyword-same-line-twice",
        "same text, other class",
        BOTH,
        {
            "train.py": """
                from adam_atan2 import AdamATan2
                from sparse import SignSGD


                def build(params):
                    return [
                        SignSGD(
                            params,
                            lr=0,  # Needs to be set by scheduler
                        ),
                        AdamATan2(
                            params,
                            lr=0,  # Needs to be set by scheduler
                            weight_decay=0.1,
                        ),
                    ]
                """,
            "sparse.py": """
                class SignSGD:
                    def __init__(self, params, lr):
                        self.lr = lr
                """,
        },
        [
            IMPORT,
            (
                "AdamATan2(\n            params,\n            lr=0,",
                "AdamAtan2(\n            params,\n            lr=1e-8,",
            ),
        ],
        drive="import train; record([one.lr for one in train.build('p')])",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "keyword-comment-in-call",
        "comment inside the call",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(  # one group
                params,  # all of them
                # the schedule sets it
                lr=0  # not 1e-3
                # no decay
            )  # done
        """,
        [IMPORT, ("return AdamATan2(", "return AdamAtan2("), ("lr=0 ", "lr=1e-8 ")],
        drive=BUILD,
    ),
    change(
        "keyword-comment-after-equals",
        "comment inside the call",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(
                params,
                lr=  # the schedule sets it
                0,
            )
        """,
        [IMPORT, ("return AdamATan2(", "return AdamAtan2("), ("        0,", "        1e-8,")],
        drive=BUILD,
        left="train.py",
    ),
    change(
        "keyword-trailing-comma",
        "trailing comma",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(params , lr = 0 ,)
        """,
        [IMPORT, ("AdamATan2(params , lr = 0 ,)", "AdamAtan2(params , lr = 1e-8 ,)")],
        drive=BUILD,
    ),
    change(
        "keyword-parentheses",
        "extra parentheses",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return (AdamATan2)((params), lr=(0))
        """,
        [IMPORT, ("(AdamATan2)((params), lr=(0))", "(AdamAtan2)((params), lr=(1e-8))")],
        drive=BUILD,
    ),
    change(
        "keyword-backslash",
        "backslash continuation",
        BOTH,
        """
        from adam_atan2 \\
            import AdamATan2


        def build(params):
            optimizer = \\
                AdamATan2(params, \\
                          lr=0)
            return optimizer
        """,
        [
            ("from adam_atan2 ", "from adam_atan2_pytorch "),
            ("import AdamATan2", "import AdamAtan2"),
            ("        AdamATan2(", "        AdamAtan2("),
            ("lr=0)", "lr=1e-8)"),
        ],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "keyword-semicolons",
        "statements joined by ;",
        BOTH,
        """
        import os; from adam_atan2 import AdamATan2; import sys


        def build(params):
            a = 0; b = AdamATan2(params, lr=0); c = dict(lr=0); return b
        """,
        [IMPORT, ("b = AdamATan2(params, lr=0)", "b = AdamAtan2(params, lr=1e-8)")],
        drive="import train; train.build('p'); record(bound(train, 'os', 'sys'))",
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "keyword-one-line-if",
        "one-line if x: y",
        BOTH,
        """
        FAST = True
        if FAST: from adam_atan2 import AdamATan2


        def build(params):
            if FAST: return AdamATan2(params, lr=0)
            else: return None
        """,
        [IMPORT, ("return AdamATan2(params, lr=0)", "return AdamAtan2(params, lr=1e-8)")],
        drive=BUILD,
        worlds=(PLAIN, NO_OLD),
    ),
    change(
        "keyword-star-args",
        "*args/**kwargs in the call",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(*groups, **options):
            return AdamATan2(*groups, lr=0, **options)
        """,
        [IMPORT, ("AdamATan2(*groups, lr=0,", "AdamAtan2(*groups, lr=1e-8,")],
        drive="import train; train.build('p', weight_decay=0)",
    ),
    change(
        "keyword-in-options",
        "*args/**kwargs in the call",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params, options):
            defaults = {"lr": 0.5, **options}
            return AdamATan2(params, **defaults), dict(lr=0)
        """,
        [IMPORT, ("return AdamATan2(", "return AdamAtan2(")],
        drive="import train; train.build('p', {}); train.build('p', {'lr': 0.25})",
    ),
    change(
        "keyword-positional",
        "keyword v positional",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(params, 0)
        """,
        [IMPORT, ("AdamATan2(params, 0)", "AdamAtan2(params, 1e-8)")],
        drive=BUILD,
    ),
    change(
        "keyword-positional-others",
        "keyword v positional",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(params, 1e-3, 0), AdamATan2(params, betas=0)
        """,
        [
            IMPORT,
            ("AdamATan2(params, 1e-3", "AdamAtan2(params, 1e-3"),
            (", AdamATan2(params, b", ", AdamAtan2(params, b"),
        ],
        drive=BUILD,
    ),
    change(
        "keyword-partial",
        "partial(X, lr=0)",
        BOTH,
        """
        from functools import partial

        from adam_atan2 import AdamATan2

        make = partial(AdamATan2, lr=0)
        other = partial(dict, lr=0)
        """,
        [IMPORT, ("partial(AdamATan2, lr=0)", "partial(AdamAtan2, lr=1e-8)")],
        partly=[([IMPORT, ("partial(AdamATan2,", "partial(AdamAtan2,")], "train.py:5")],
        drive="import train; train.make('p'); record(train.other())",
    ),
    change(
        "keyword-registry",
        "registry look-up",
        BOTH,
        """
        from adam_atan2 import AdamATan2
        from torch.optim import AdamW

        OPTIMIZERS = {
            "adamw": AdamW,
            "atan2": AdamATan2,
        }


        def build(name, params):
            return OPTIMIZERS[name](params, lr=0)
        """,
        partly=[
            ([IMPORT, (": AdamATan2,", ": AdamAtan2,")], "train.py:6"),
            ([IMPORT, (": AdamATan2,", ": AdamAtan2,")], "train.py:11"),
        ],
        drive="import train; train.build('adamw', 'p'); train.build('atan2', 'q')",
    ),
    change(
        "keyword-through-a-variable",
        "bare reference",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            cls = AdamATan2
            return cls(params, lr=0)
        """,
        [IMPORT, ("cls = AdamATan2", "cls = AdamAtan2"), ("lr=0)", "lr=1e-8)")],
        partly=[
            ([IMPORT, ("cls = AdamATan2", "cls = AdamAtan2")], "train.py:5"),
            ([IMPORT, ("cls = AdamATan2", "cls = AdamAtan2")], "train.py:6"),
        ],
        drive=BUILD,
    ),
    change(
        "keyword-nested",
        "nested match in match",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(AdamATan2(params, lr=0).param_groups, lr=0)
        """,
        [
            IMPORT,
            (
                "AdamATan2(AdamATan2(params, lr=0).param_groups, lr=0)",
                "AdamAtan2(AdamAtan2(params, lr=1e-8).param_groups, lr=1e-8)",
            ),
        ],
        drive=BUILD,
    ),
    change(
        "keyword-match-body",
        "match/case",
        BOTH,
        """
        from adam_atan2 import AdamATan2
        from torch.optim import AdamW


        def build(name, params):
            match name:
                case "atan2" | "AdamATan2": return AdamATan2(params, lr=0)
                case "adamw":
                    return AdamW(params, lr=0)
        """,
        [IMPORT, ("return AdamATan2(params, lr=0)", "return AdamAtan2(params, lr=1e-8)")],
        drive="import train; train.build('atan2', 'p'); train.build('AdamATan2', 'p'); train.build('adamw', 'p')",
    ),
    change(
        "keyword-beside-joined-strings",
        "implicit string concatenation",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params):
            return AdamATan2(params, name="AdamATan2, " 'lr=0', lr=0)
        """,
        [IMPORT, ("return AdamATan2(", "return AdamAtan2("), (", lr=0)", ", lr=1e-8)")],
        drive=BUILD,
    ),
    change(
        "keyword-parameter-default",
        "wrong scope",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params, lr=0, make=lambda p, lr=0: AdamATan2(p, lr=0)):
            return make(params), lr
        """,
        [IMPORT, ("AdamATan2(p, lr=0)", "AdamAtan2(p, lr=1e-8)")],
        drive="import train; record(train.build('p'))",
    ),
    change(
        "keyword-subclass",
        "base class",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        class Logged(AdamATan2):
            pass


        def build(params):
            return Logged(params, lr=0)
        """,
        [IMPORT, ("Logged(AdamATan2)", "Logged(AdamAtan2)")],
        drive=BUILD,
    ),
    change(
        "keyword-other-values",
        "keyword v positional",
        BOTH,
        """
        from adam_atan2 import AdamATan2


        def build(params, lr, zero=0):
            return AdamATan2(params, lr=lr), AdamATan2(params, lr=0 or lr), AdamATan2(params, lr=0.5), AdamATan2(params)
        """,
        [
            IMPORT,
            ("return AdamATan2(", "return AdamAtan2("),
            ("lr), AdamATan2(params, lr=0 or", "lr), AdamAtan2(params, lr=0 or"),
            ("AdamATan2(params, lr=0.5)", "AdamAtan2(params, lr=0.5)"),
            ("AdamATan2(params)", "AdamAtan2(params)"),
        ],
        drive="import train; train.build('p', 0.125)",
    ),
    change(
        "keyword-renamed-by-hand",
        "second apply",
        BOTH,
        """
        from adam_atan2_pytorch import AdamAtan2


        def build(params):
            return AdamAtan2(params, lr=0)
        """,
        [("lr=0)", "lr=1e-8)")],
        drive=BUILD,
        twice=True,
    ),
    *(same(name, hazard, KEYWORD, before) for name, (hazard, before) in SAME.items()),
)
