"""The checks of a recipe, as they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patcher.errors import RecipeError
from patcher.model import Check, Range
from patcher.recipe import load

HEAD = """\
recipe: tiny
summary: A test.
parameters:
  optimizer: {type: choice, choices: [adam, sgd], default: adam, help: which}
steps:
  - {id: swap, why: because, replace: abs($X), with: round($X), effect: exact}
checks:
"""
CHECK = "  - id: train\n    why: because\n    run: [python, train.py]\n"


def checks(tmp_path: Path, text: str, **values: str) -> tuple[Check, ...]:
    (tmp_path / "tiny.yaml").write_text(HEAD + text)
    return load(str(tmp_path / "tiny.yaml"), values).checks


def read(tmp_path: Path, keys: str = "", **values: str) -> Check:
    (check,) = checks(tmp_path, f"{CHECK}{keys}", **values)
    return check


def told(tmp_path: Path, keys: str) -> str:
    with pytest.raises(RecipeError) as raised:
        read(tmp_path, keys)
    return str(raised.value)


def test_what_is_not_said_is_the_usual(tmp_path: Path) -> None:
    check = read(tmp_path)
    assert (check.id, check.why, check.run) == ("train", "because", ("python", "train.py"))
    assert (check.limit, check.device, check.perturb, check.seed) == (600.0, "cpu", False, None)
    assert (check.golden, check.prepare, check.packages, check.programs, check.reference) == (None, None, (), (), ())
    assert check.origin == f"{tmp_path / 'tiny.yaml'}:8:5"


@pytest.mark.parametrize(
    ("keys", "name", "value"),
    [
        ("    limit: 90s\n", "limit", 90.0),
        ("    limit: 5m\n", "limit", 300.0),
        ("    limit: 45\n", "limit", 45.0),
        ("    readings: {loss: 1..10, lr: any}\n", "readings", {"loss": Range(1, 10), "lr": Range()}),
        ("    readings: {wandb.train/loss: 3}\n", "readings", {"wandb.train/loss": Range(3, 3)}),
        ("    golden: golden/${optimizer}.json\n", "golden", "golden/adam.json"),
        ("    reference: attention\n", "reference", ("attention",)),
        ("    reference: [attention, adam_atan2]\n", "reference", ("attention", "adam_atan2")),
        ("    environment: {A: '1', B: '{out}/b'}\n", "environment", {"A": "1", "B": "{out}/b"}),
        ("    reference: {without: swap}\n", "without", ("swap",)),
        ("    reference: [attention, without: [swap]]\n", "without", ("swap",)),
        ("    reference: [attention, without: [swap]]\n", "reference", ("attention",)),
        ("    device: cuda\n", "device", "cuda"),
        ("    perturb: yes\n", "perturb", True),
        ("    seed: 0\n", "seed", 0),
        ("    seed: '4294967295'\n", "seed", 2**32 - 1),
        ("    programs: c++\n", "programs", ("c++",)),
        ("    files: [model/a.py]\n", "files", ("model/a.py",)),
        ("    packages: torch\n", "packages", ("torch",)),
    ],
)
def test_a_key(tmp_path: Path, keys: str, name: str, value: Any) -> None:
    assert getattr(read(tmp_path, keys), name) == value


@pytest.mark.parametrize(("optimizer", "packages"), [("adam", ("torch", "einops")), ("sgd", ("torch",))])
def test_a_package_that_one_value_needs(tmp_path: Path, optimizer: str, packages: tuple[str, ...]) -> None:
    keys = "    packages:\n      - torch\n      - einops: {optimizer: adam}\n"
    assert read(tmp_path, keys, optimizer=optimizer).packages == packages


class TestLike:
    def test_what_it_does_not_say_is_as_there(self, tmp_path: Path) -> None:
        text = f"{CHECK}    limit: 90s\n    golden: a.json\n  - {{id: more, why: more, like: train, limit: 5s}}\n"
        first, second = checks(tmp_path, text)
        assert (second.id, second.why, second.limit) == ("more", "more", 5.0)
        assert (second.run, second.golden) == (first.run, first.golden)
        assert first.limit == 90.0

    def test_its_own_environment_takes_the_place_of_the_other(self, tmp_path: Path) -> None:
        text = (
            f"{CHECK}    environment: {{A: '1'}}\n  - {{id: more, why: more, like: train, environment: {{B: '2'}}}}\n"
        )
        assert dict(checks(tmp_path, text)[1].environment) == {"B": "2"}

    def test_one_that_is_not_above_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(RecipeError, match="There is no check `trian` above; did you mean `train`\\?"):
            checks(tmp_path, f"{CHECK}  - {{id: more, why: more, like: trian}}\n")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("    limits: 5s\n", "The key `limits` is not known here; did you mean `limit`?"),
        ("    limit: 1h\n", "`1h` is no limit of time"),
        ("    readings: [loss]\n", "`readings` wants a map"),
        ("    readings: {loss: many}\n", "`many` is no count; write 1, 1..3, 2.. or any."),
        ("    readings: {accuracy: 1}\n", "`accuracy` is no reading of the probe"),
        ("    reference: sdpa\n", "`sdpa` is no reference"),
        ("    reference: {without: [swop]}\n", "There is no step `swop` to be left out; did you mean `swap`?"),
        ("    reference: {with: [swap]}\n", "The key `with` is not known here"),
        ("    reference: {without: []}\n", "`without` is an empty list"),
        ("    reference: []\n", "`reference` is an empty list"),
        ("    device: gpu\n", "`gpu` is no device"),
        ("    perturb: maybe\n", "`perturb` is yes or no."),
        ("    seed: yes\n", "`yes` is no seed; write a whole number from 0 to 4294967295, as numpy takes it."),
        ("    seed: 4294967296\n", "`4294967296` is no seed"),
        ("    seed: -1\n", "`-1` is no seed"),
        ("    environment: {A: '{home}'}\n", "{home} stands for nothing in a check"),
        (
            "    packages: [{torch: {optimiser: adam}}]\n",
            "There is no parameter `optimiser`; did you mean `optimizer`?",
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, keys: str, said: str) -> None:
    assert said in told(tmp_path, keys)


def test_a_command_without_a_word_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="`run` has no word"):
        checks(tmp_path, "  - {id: train, why: because, run: []}\n")


def test_two_checks_of_one_name_are_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="The id `train` is taken above"):
        checks(tmp_path, CHECK + CHECK)
