"""One check as the user asked for it: its verdict, and what else was tried on the same bench."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from patcher.errors import UsageError
from patcher.model import Check, Recipe
from patcher.verify.ablate import Ablation, Entry
from patcher.verify.compare import Finding, Verdict
from patcher.verify.golden import Golden, golden_file, write_golden
from patcher.verify.judge import Judge
from patcher.verify.pristine import pristine
from patcher.verify.record import record
from patcher.verify.sensitivity import Seen, Trial, blind

__all__ = ["NOT_RUN", "NUMBERS_DIFFER", "Asked", "Checked", "exit_code", "record_golden", "verify_check"]

NUMBERS_DIFFER, NOT_RUN = 4, 5


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for beside the verdict.

    `golden` is held in place of the check's own; `other` loads the recipe with other values of its parameters.
    """

    shims: Path
    other: Callable[[Mapping[str, str]], Recipe]
    golden: Golden | None = None
    ablate: bool = False
    sensitivity: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of one check; `written` is the golden that was recorded."""

    verdict: Verdict
    ledger: tuple[Entry, ...] = ()
    seen: tuple[Seen, ...] = ()
    written: Path | None = None

    @property
    def code(self) -> int:
        """The exit code that this check asks for; one that was not run asks for none."""
        bad = self.verdict.finding in (Finding.DRIFTED, Finding.FAILED)
        false = any(entry.holds is False for entry in self.ledger)
        return NUMBERS_DIFFER if bad or false or blind(list(self.seen)) else 0


def exit_code(checked: Iterable[Checked]) -> int:
    """Return the exit code of a verify; where nothing at all could be run, that is told by it."""
    every = list(checked)
    if every and all(one.verdict.finding is Finding.NOT_RUN for one in every):
        return NOT_RUN
    return max((one.code for one in every), default=0)


def verify_check(judge: Judge, check: Check, asked: Asked) -> Checked:
    """Run a check and hold it against its golden; then train what else was asked for.

    Raises:
        UsageError: what else was asked for needs a golden, or the tree from before the recipe, and there is none.
        TargetError: the tree, the data or the golden could not be used.
    """
    golden = asked.golden or judge.golden(check)
    if golden is None and (asked.ablate or asked.sensitivity):
        raise UsageError(
            f"The check {check.id} has no golden for {judge.device}, so nothing says what is the same; "
            "record one first, with --record."
        )
    if why := judge.lacking(check):
        return Checked(Verdict(check.id, Finding.NOT_RUN, why))
    ledger: tuple[Entry, ...] = ()
    seen: tuple[Seen, ...] = ()
    with judge.bench(check) as bench:
        if not asked.ablate:
            judge.say(f"{check.id}: training")
            run = bench.run(judge.checkout, {})
        else:
            assert golden is not None
            with pristine(judge.recipe, judge.checkout, asked.shims) as (base, whole):
                ablation = Ablation(judge, bench, base, whole, asked.shims, golden, asked.other)
                run = ablation.usual
                ledger = tuple(ablation.ledger()) if run.trained else ()
        verdict = judge.held(check, run, golden)
        if asked.sensitivity and golden is not None and run.trained:
            seen = tuple(Trial(judge, bench, golden, judge.checkout).seen())
    return Checked(verdict, ledger, seen)


def record_golden(judge: Judge, check: Check, shims: Path, file: Path | None = None) -> Checked:
    """Write the golden of a check, to its own place or another, and hold the tree as it is against it.

    Raises:
        UsageError: the check names no golden or no reference, cannot be run here, or is blind to a planted error.
        TargetError: the golden cannot be written.
    """
    file = file or golden_file(judge.recipe, check, judge.device)
    if file is None:
        raise UsageError(
            f"{check.origin}: the check {check.id} names no `golden`; write golden: golden/{check.id}.json."
        )
    golden = record(judge, check, shims)
    write_golden(file, golden)
    with judge.bench(check) as bench:
        judge.say(f"{check.id}: training the tree as it is")
        return Checked(judge.held(check, bench.run(judge.checkout, {}), golden), written=file)
