"""A tree that trains without torch: it says of itself what the probe would say, from numbers that its files have."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from tests.helpers import Result
from tests.tiny import Tiny

__all__ = ["TRAIN", "Trainer", "golden"]

# Three losses, of what the other files of the tree have. A plant of the probe is asked for in its config.
TRAIN = """\
import json, os, pathlib
import numbers_of
folder = pathlib.Path(os.environ["PATCHER_PROBE"])
asked = json.loads((folder / "config.json").read_text())
lines = []
if asked["reference"] or asked["plant"]:
    lines.append({"attention": "flash_attn_func"})
    lines.append({"planted": True})
for step in range(3):
    loss = numbers_of.loss(step)
    if asked["plant"]:
        loss = numbers_of.wrong(step, asked["plant"])
    if asked["reference"]:
        loss += numbers_of.noise(os.environ)
    lines += [{"loss": loss}, {"step": "SGD", "optimizer": 1, "lr": [numbers_of.rate()]}]
with open(folder / ("%d.jsonl" % os.getpid()), "a") as file:
    file.writelines(json.dumps(line) + chr(10) for line in lines)
"""
NUMBERS = """\
def loss(step):
    return 2.5 - step / 4
def rate():
    return 0.1
def wrong(step, plant):
    return loss(step) * 1.01
def noise(environ):
    return 0.0
"""


def golden(**readings: list[float]) -> str:
    """Return the text of a golden without noise."""
    of = {"recipe": "tiny", "check": "train", "recipe_digest": "", "device": "cpu"}
    empty: dict[str, Any] = {"noise": {}, "parameters": {}, "environment": {}, "steps": {}, "reference": [], "seen": {}}
    return json.dumps({"format": 1, **of, "readings": readings, **empty})


class Trainer:
    """The tree of a trainer, and a recipe with one check."""

    def __init__(self, tiny: Tiny) -> None:
        self.tiny = tiny

    def tree(self, files: Mapping[str, str] | None = None, *, numbers: str = NUMBERS, git: bool = True) -> Trainer:
        self.tiny.files({"train.py": TRAIN, "numbers_of.py": numbers, **(files or {})}, git=git)
        return self

    def recipe(self, *steps: Mapping[str, Any], parameters: Mapping[str, Any] | None = None, **keys: Any) -> Trainer:
        check = {"id": "train", "why": "because", "run": ["python", "train.py"], "golden": "golden.json", **keys}
        more = {"parameters": parameters} if parameters else {}
        self.tiny.recipe(*steps, checks=[{key: value for key, value in check.items() if value is not None}], **more)
        return self

    def golden(self, *losses: float) -> Trainer:
        (self.tiny.folder / "golden.json").write_text(golden(loss=list(losses or (2.5, 2.25, 2.0))))
        return self

    def apply(self, *options: str) -> Trainer:
        assert self.tiny.apply(*options).code == 0
        return self

    def verify(self, *options: object) -> Result:
        command = ("verify", self.tiny.tree, "-r", self.tiny.file, "--allow-run", "--python", sys.executable)
        return self.tiny.patcher(*command, *options)

    def data(self, *options: object) -> dict[str, Any]:
        """Return the one check of the JSON report."""
        result = self.verify("--format", "json", *options)
        found: dict[str, Any] = json.loads(result.out)
        assert found["exit_code"] == result.code
        (check,) = found["checks"]
        return {**check, "exit_code": result.code}
