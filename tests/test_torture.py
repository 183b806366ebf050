"""The torture tree (bench/torture): one job over many small trees, each of them a hazard, for patcher alone.

`python -m bench.torture.run` holds the same checks against other tools.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.torture.cases import CHECKS
from bench.torture.check import Becomes, Check, Same
from bench.torture.judge import Entry, Report, judge
from bench.torture.run import attempt, verdict
from bench.torture.tools import Patcher

HAZARDS = """
aliased import · import a.b as c · shadowing parameter · shadowing local · local class of the same name · wrong scope ·
bare reference · partial(X, lr=0) · registry look-up · re-export from a project module · star import ·
two origins from try/except · lazy import · TYPE_CHECKING import and quoted annotation · __all__ · base class · decorator ·
*args/**kwargs in the call · keyword v positional · comment inside the call · comment inside the import · # type: ignore ·
trailing comma · extra parentheses · backslash continuation · statements joined by ; · one-line if x: y ·
nested match in match · implicit string concatenation · f-strings · walrus · name used above its definition ·
docstring before imports · from __future__ · tabs · CRLF · mixed line ends · BOM · latin-1 with cookie · no final newline ·
empty file · Python 2 file that does not parse · notebook · symlink · read-only file · second apply · match/case ·
comprehension scopes · class scope · global · nonlocal · del
"""


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_patcher(check: Check) -> None:
    made = attempt(Patcher(), [check])[check.name]
    assert verdict(check, made) == "", _shown(made.after)
    assert made.again == made.after, "a second run finds more"


def _shown(tree: dict[str, Entry]) -> str:
    return "\n".join(f"--- {path}\n{entry.data.decode('latin-1')}" for path, entry in tree.items())


# --- the checks themselves ------------------------------------------------------------------------------------------


def _before(check: Check) -> dict[str, Entry]:
    files = {path: Entry(data, check.modes.get(path, 0o644)) for path, data in check.before.items()}
    return files | {path: Entry(link=target) for path, target in check.links.items()}


def _after(check: Check, way: Becomes) -> dict[str, Entry]:
    before = _before(check)
    return before | {path: Entry(data, before[path].mode) for path, data in way.files.items()}


def _told(way: Becomes | Same) -> list[Report]:
    return [Report(way.told.partition(":")[0])] if way.told else []


def test_each_check_has_its_own_name() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS) >= 70


def test_four_in_ten_prove_that_nothing_changes() -> None:
    assert sum(check.kind == "no change" for check in CHECKS) >= 0.4 * len(CHECKS)


def test_every_hazard_is_there() -> None:
    wanted = {hazard.strip() for hazard in HAZARDS.replace("\n", " ").split("·")}
    assert wanted - {check.hazard for check in CHECKS} == set()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_judge_takes_every_reference(check: Check) -> None:
    for way in check.ways:
        after = _after(check, way) if isinstance(way, Becomes) else _before(check)
        assert judge(check, _before(check), after, _told(way), after) == ""


@pytest.mark.parametrize(
    "check", [check for check in CHECKS if check.kind != "no change"], ids=lambda check: check.name
)
def test_the_judge_takes_no_silence_for_a_change(check: Check) -> None:
    before = _before(check)
    if Same() not in check.ways:
        assert judge(check, before, before, []) != ""


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a comment lost": lambda data: data.replace(b"  # done", b""),
    "a comment changed": lambda data: data.replace(b"# done", b"# Done"),
    "another line touched": lambda data: data.replace(b"def build(params):", b"def build( params ):"),
    "a line more": lambda data: data.replace(b"# no decay\n", b"# no decay\n\n"),
    "line ends": lambda data: data.replace(b"\n", b"\r\n"),
    "a byte-order mark": lambda data: b"\xef\xbb\xbf" + data,
    "no final newline": lambda data: data.rstrip(b"\n"),
    "does not parse": lambda data: data.replace(b"lr=1e-8", b"lr="),
    "another rate": lambda data: data.replace(b"lr=1e-8", b"lr=1e-7"),
    "an import lost": lambda data: data.replace(b"from adam_atan2_pytorch import AdamAtan2\n", b""),
    "half of the job": lambda data: data.replace(b"from adam_atan2_pytorch import AdamAtan2", b"from adam_atan2 import AdamATan2 as AdamAtan2"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_the_judge_sees_damage(damage: Callable[[bytes], bytes]) -> None:
    check = next(check for check in CHECKS if check.name == "keyword-comment-in-call")
    right = _after(check, check.ways[0])
    wrong = {"train.py": Entry(damage(right["train.py"].data))}
    assert wrong != right
    assert judge(check, _before(check), wrong, []) != ""


SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "another number": lambda data: data.replace(b"lr=1e-8", b"lr=0.00000001"),
    "by an alias": lambda data: data.replace(b"import AdamAtan2", b"import AdamAtan2 as AdamATan2").replace(b"return AdamAtan2", b"return AdamATan2"),
    "through the module": lambda data: data.replace(b"from adam_atan2_pytorch import AdamAtan2", b"import adam_atan2_pytorch").replace(b"return Adam", b"return adam_atan2_pytorch.Adam"),
    "other spacing where it is edited": lambda data: data.replace(b"lr=1e-8  #", b"lr = 1e-8 #"),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_the_judge_takes_other_right_results(spelling: Callable[[bytes], bytes]) -> None:
    check = next(check for check in CHECKS if check.name == "keyword-comment-in-call")
    right = _after(check, check.ways[0])
    other = {"train.py": Entry(spelling(right["train.py"].data))}
    assert other != right
    assert judge(check, _before(check), other, []) == ""
