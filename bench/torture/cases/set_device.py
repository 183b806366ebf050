"""`torch.cuda.set_device(...)` is called only where there is CUDA; everything beside it runs as before."""

from __future__ import annotations

from bench.torture.check import CPU, PLAIN, SET_DEVICE, change, same

__all__ = ["CHECKS"]

WORLDS = (PLAIN, CPU)
START = "import train; record(train.start(1))"
IF = "if torch.cuda.is_available():"
CALL = "torch.cuda.set_device(rank)"

# What only looks like the job: nothing may change.
SAME = {
    "set-device-not-done": (
        "second apply",
        """
        import torch


        def start(args):
            if torch.cuda.is_available():
                torch.cuda.set_device(args.rank)
        """,
    ),
    "set-device-not-under-and": (
        "second apply",
        """
        import torch


        def start(args):
            if args.rank >= 0 and torch.cuda.is_available():
                if args.verbose:
                    print("cuda")
                torch.cuda.set_device(args.rank)
        """,
    ),
    "set-device-not-on-one-line": (
        "one-line if x: y",
        """
        import torch
        from torch.cuda import is_available as there


        def start(args):
            if there(): torch.cuda.set_device(args.rank)
        """,
    ),
    "set-device-not-a-local-function": (
        "local class of the same name",
        """
        def set_device(rank):
            print("torch.cuda.set_device(rank)")


        def start(rank):
            set_device(rank)
        """,
    ),
    "set-device-not-a-method": (
        "class scope",
        """
        class Trainer:
            def set_device(self, rank):
                self.accelerator.set_device(rank)
                self.cuda.set_device(rank)
        """,
    ),
    "set-device-not-a-parameter": (
        "shadowing parameter",
        """
        import torch


        def start(rank, torch):
            torch.cuda.set_device(rank)
        """,
    ),
    "set-device-not-bare": (
        "bare reference",
        """
        import torch

        SETTERS = [torch.cuda.set_device, print]
        """,
    ),
    "set-device-not-a-default": (
        "decorator",
        """
        import torch


        def start(rank, setter=torch.cuda.set_device):
            return setter, torch.cuda.current_device
        """,
    ),
    "set-device-not-in-words": (
        "f-strings",
        """
        def start(rank):
            # torch.cuda.set_device(rank)
            print(f"torch.cuda.set_device({rank})")
        """,
    ),
}

CHECKS = (
    change(
        "set-device-plain",
        "from import",
        SET_DEVICE,
        """
        import torch


        def start(rank):
            # one process a GPU
            torch.cuda.set_device(rank)  # before the process group
            torch.manual_seed(rank)
            return rank
        """,
        [(f"    {CALL}", f"    {IF}\n        {CALL}")],
        drive=START,
        worlds=WORLDS,
        twice=True,
    ),
    change(
        "set-device-alias",
        "aliased import",
        SET_DEVICE,
        """
        import torch
        from torch.cuda import set_device as choose


        def start(rank):
            choose(rank)
            return rank
        """,
        [("    choose(rank)", f"    {IF}\n        choose(rank)")],
        drive=START,
        worlds=WORLDS,
    ),
    change(
        "set-device-module-alias",
        "import a.b as c",
        SET_DEVICE,
        """
        import torch.cuda as tc


        def start(rank):
            tc.set_device(rank)
            return rank
        """,
        [("    tc.set_device(rank)", "    if tc.is_available():\n        tc.set_device(rank)")],
        drive=START,
        worlds=WORLDS,
    ),
    change(
        "set-device-semicolons",
        "statements joined by ;",
        SET_DEVICE,
        """
        import torch


        def start(rank):
            torch.manual_seed(0); torch.cuda.set_device(rank); rank += 1; return rank
        """,
        [
            (
                f"    torch.manual_seed(0); {CALL}; rank += 1; return rank",
                f"    torch.manual_seed(0)\n    {IF}\n        {CALL}\n    rank += 1; return rank",
            )
        ],
        drive=START,
        worlds=WORLDS,
        left="train.py:5",
    ),
    change(
        "set-device-one-line-if",
        "one-line if x: y",
        SET_DEVICE,
        """
        import torch


        def start(rank):
            if rank >= 0: torch.cuda.set_device(rank)
            else: rank = 0
            return rank
        """,
        [(f"if rank >= 0: {CALL}", f"if rank >= 0:\n        {IF}\n            {CALL}")],
        [(f"if rank >= 0: {CALL}", f"if rank >= 0: {CALL} if torch.cuda.is_available() else None")],
        drive="import train; record(train.start(1)); record(train.start(-1))",
        worlds=WORLDS,
        left="train.py:5",
    ),
    change(
        "set-device-in-else",
        "nested match in match",
        SET_DEVICE,
        """
        import os
        import torch


        def start(rank):
            if rank is None:
                pass
            else:
                torch.cuda.set_device(rank)
            try:
                torch.cuda.set_device(
                    int(os.environ.get(
                        "RANK", "0"))  # text
                )
            finally:
                rank += 1
            return rank
        """,
        [
            (f"        {CALL}", f"        {IF}\n            {CALL}"),
            (
                '        torch.cuda.set_device(\n            int(os.environ.get(\n                "RANK", "0"))  # text\n        )',
                f"        {IF}\n            torch.cuda.set_device(\n                int(os.environ.get(\n"
                '                    "RANK", "0"))  # text\n            )',
            ),
        ],
        drive=START,
        worlds=WORLDS,
    ),
    change(
        "set-device-match-body",
        "match/case",
        SET_DEVICE,
        """
        import torch


        def start(rank):
            match rank:
                case int():
                    torch.cuda.set_device(rank)
                case _: torch.cuda.set_device(rank)
            return rank
        """,
        [
            (f"            {CALL}\n", f"            {IF}\n                {CALL}\n"),
            (f"case _: {CALL}", f"case _:\n            {IF}\n                {CALL}"),
        ],
        partly=[([(f"            {CALL}\n", f"            {IF}\n                {CALL}\n")], "train.py:8")],
        drive="import train; record(train.start(1)); record(train.start('1'))",
        worlds=WORLDS,
    ),
    change(
        "set-device-tabs",
        "tabs",
        SET_DEVICE,
        "import torch\n\n\ndef start(rank):\n\tif rank:\n\t\ttorch.cuda.set_device(rank)\t# first\n\treturn rank\n",
        [(f"\t\t{CALL}\t", f"\t\t{IF}\n\t\t\t{CALL}\t")],
        drive=START,
        worlds=WORLDS,
    ),
    change(
        "set-device-triple-quotes",
        "implicit string concatenation",
        SET_DEVICE,
        '''
        import torch


        def start(rank):
            torch.cuda.set_device("""cuda
            :""" "0"
                  f"{rank}")
            return rank
        ''',
        [('    torch.cuda.set_device("""', f'    {IF}\n        torch.cuda.set_device("""')],
        [
            ('    torch.cuda.set_device("""', f'    {IF}\n        torch.cuda.set_device("""'),
            ('          f"{rank}")', '              f"{rank}")'),
        ],
        drive=START,
        worlds=WORLDS,
    ),
    change(
        "set-device-last-line",
        "no final newline",
        SET_DEVICE,
        b"import torch\nif True:\n  torch.cuda.set_device(0)",
        [("  torch.cuda.set_device(0)", f"  {IF}\n    torch.cuda.set_device(0)")],
        worlds=WORLDS,
    ),
    *(same(name, hazard, SET_DEVICE, before) for name, (hazard, before) in SAME.items()),
)
