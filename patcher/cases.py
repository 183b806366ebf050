"""A recipe's own tests: before and after, run as they are written and in every variant that layout has.

A case that holds must hold with CRLF line ends, with tabs, behind a byte-order mark and without a final newline, and
its result must be at rest. Nothing outside a temporary folder is written.
"""

from __future__ import annotations

import difflib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import RecipeError, TargetError
from patcher.model import Expect, Plan, Recipe, Status
from patcher.plan import plan
from patcher.recipe.nodes import Node, Reader, Table
from patcher.recipe.safeyaml import parse
from patcher.syntax.draft import PROGRAMS
from patcher.syntax.notebook import NotebookSource
from patcher.syntax.source import Source

__all__ = ["Case", "Failure", "cases_of", "read_cases", "run_case"]

Files = Mapping[str, bytes]

KEYS = ("case", "steps", "with", "file", "before", "after", "same", "refused", "drifted")
EXAMPLE = "example.py"


@dataclass(frozen=True, slots=True)
class Case:
    """One before and after. `after` None: nothing may change. `steps` empty: the whole recipe.

    `refused` and `drifted` are parts of the sentence that a step must give instead of an edit. `origin` is
    `file:line:column` in the cases.
    """

    name: str
    origin: str
    before: Files
    after: Files | None = None
    steps: tuple[str, ...] = ()
    values: Mapping[str, str] | None = None
    refused: str = ""
    drifted: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that does not hold in one variant, and what came instead."""

    case: Case
    variant: str
    message: str

    def __str__(self) -> str:
        return f"{self.case.origin}: {self.case.name} ({self.variant}): {self.message}"


def read_cases(recipe: Recipe) -> list[Case]:
    """Return the cases beside a recipe: every list of cases in `cases/*.yaml`, for a recipe of its own folder.

    Raises:
        RecipeError: a file of cases is not what it must be, with every problem.
    """
    reader = Reader()
    found: list[Case] = []
    known = {step.id for step in recipe.steps}
    place = cases_of(recipe)
    for file in sorted(place.parent.glob(place.name)):
        node = parse(file.read_bytes(), str(file), reader)
        for item in reader.items(node, "A file of cases"):
            found.append(_case(reader.table(item, "A case"), known, reader))
    if reader.problems:
        raise RecipeError(*reader.problems)
    return found


def cases_of(recipe: Recipe) -> Path:
    """Return where the cases of a recipe stand, as a glob.

    Recipes that are files side by side share a folder; each has the file of cases with its own name.
    """
    alone = Path(recipe.folder, "recipe.yaml").is_file()
    return Path(recipe.folder, "cases", "*.yaml" if alone else f"{recipe.name}.yaml")


def _case(table: Table, known: set[str], reader: Reader) -> Case:
    fields = reader.fields(table, KEYS, ("case",))
    if ("same" in fields) == ("before" in fields) or ("before" in fields) != ("after" in fields):
        reader.tell(table.mark, "A case has either `before` and `after`, or `same` where nothing may change.")
    for step in reader.texts(fields.get("steps"), "steps"):
        if step.value not in known:
            reader.tell(step.mark, f"The recipe has no step `{step.value}`; known: {', '.join(sorted(known))}.")
    file = reader.text(fields.get("file"), "file") or EXAMPLE
    _check_path(file, fields.get("file"), reader)
    entries = reader.table(fields.get("with"), "with").entries
    values = {key.value: reader.text(value, key.value) for key, value in entries}
    return Case(
        name=reader.text(fields.get("case"), "case"),
        origin=str(table.mark),
        before=_files(fields.get("before", fields.get("same")), file, reader),
        after=_files(fields["after"], file, reader) if "after" in fields else None,
        steps=tuple(step.value for step in reader.texts(fields.get("steps"), "steps")),
        values=values,
        refused=reader.text(fields.get("refused"), "refused"),
        drifted=reader.text(fields.get("drifted"), "drifted"),
    )


def _check_path(path: str, node: Node | None, reader: Reader) -> None:
    if node is not None and (path.startswith("/") or ".." in path.split("/")):
        reader.tell(node.mark, f"`{path}` leads out of the case's own folder; write a path below it.")


def _files(node: Node | None, file: str, reader: Reader) -> Files:
    """Return the files of a case: a text stands for one file, a map has a text for each path."""
    if isinstance(node, Table):
        for key, _ in node.entries:
            _check_path(key.value, key, reader)
        return {key.value: reader.text(value, key.value, empty=True).encode() for key, value in node.entries}
    return {file: reader.text(node, "a file's text", empty=True).encode()}


def run_case(case: Case, recipe: Recipe, shims: Path) -> Iterator[Failure]:
    """Yield what does not hold, in the case as written and in its variants."""
    unread = next(_unread(case.before), "")
    if unread:
        yield Failure(case, "as written", unread)
        return
    chosen = _chosen(case, recipe)
    plain = _run(case, chosen, shims, "as written", lambda data: data)
    if plain is not None:
        yield plain
        return
    for name, change in VARIANTS.items():
        if not _differs(case, change):
            continue  # nothing is indented, say, so that nothing tells that the file is written with tabs
        failure = _run(case, chosen, shims, name, change)
        if failure is not None:
            yield failure
    yield from _at_rest(case, chosen, shims)


def _unread(files: Files) -> Iterator[str]:
    """Yield why a program is none: no step would look at it, so that it always stays the same."""
    for path, data in files.items():
        if path.endswith(PROGRAMS):
            try:
                (NotebookSource if path.endswith(".ipynb") else Source)(path, data)
            except TargetError as error:
                yield str(error)


def _chosen(case: Case, recipe: Recipe) -> Recipe:
    """Return the recipe with the case's steps alone; a small example need not have every place of a whole tree."""
    steps = [step for step in recipe.steps if not case.steps or step.id in case.steps]
    if not case.drifted:
        steps = [replace(step, expect=Expect()) for step in steps]
    return replace(recipe, steps=tuple(replace(step, requires=()) if case.steps else step for step in steps))


def _run(case: Case, recipe: Recipe, shims: Path, variant: str, change: Callable[[bytes], bytes]) -> Failure | None:
    before = {path: change(data) if _varies(path) else data for path, data in case.before.items()}
    wanted = case.before if case.after is None else case.after
    after = {path: change(data) if _varies(path) else data for path, data in wanted.items()}
    found = _planned(before, recipe, shims)
    if isinstance(found, str):
        return Failure(case, variant, found)
    result = {**before, **{change.path: change.after for change in found.changes if change.path in {**before, **after}}}
    for path in sorted({*result, *after}):
        if result.get(path) != after.get(path):
            message = _difference(path, after.get(path), result.get(path))
            return Failure(case, variant, message + "".join(f"\nrefused: {reason}." for reason in _refusals(found)))
    return _told(case, variant, found)


def _told(case: Case, variant: str, found: Plan) -> Failure | None:
    """Check the sentence that a step must give instead of an edit."""
    reasons = [outcome.reason for outcome in found.of(Status.DRIFTED)]
    refusals = _refusals(found)
    for wanted, told, word in ((case.drifted, reasons, "drifts"), (case.refused, refusals, "is refused")):
        if wanted and not any(wanted in reason for reason in told):
            return Failure(case, variant, f"no step {word} with `{wanted}`; told was: {told or 'nothing'}.")
    unexpected = [reason for reason in refusals if not case.refused]
    return Failure(case, variant, f"a place is refused: {unexpected[0]}.") if unexpected else None


def _refusals(found: Plan) -> list[str]:
    return [p.reason for outcome in found.outcomes for p in outcome.places if p.status is Status.REFUSED]


def _at_rest(case: Case, recipe: Recipe, shims: Path) -> Iterator[Failure]:
    if case.after is None or case.drifted:
        return
    again = _planned(case.after, recipe, shims)
    if isinstance(again, str):
        yield Failure(case, "run twice", again)
        return
    for change in again.changes:
        if change.path in case.after:
            message = "a second run changes it again:\n" + _difference(change.path, change.before, change.after)
            yield Failure(case, "run twice", message)


def _planned(files: Files, recipe: Recipe, shims: Path) -> Plan | str:
    """Return the plan for a case's files, or the sentence with which it is refused."""
    with tempfile.TemporaryDirectory(prefix="patcher-") as folder:
        for path, data in files.items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        try:
            return plan(recipe, Checkout.open(folder), shims)
        except (RecipeError, TargetError) as error:
            return str(error)


def _difference(path: str, wanted: bytes | None, got: bytes | None) -> str:
    old, new = ((data or b"").decode("utf-8", "replace").splitlines() for data in (wanted, got))
    diff = list(difflib.unified_diff(old, new, f"{path} as the case says", f"{path} as it came", lineterm=""))
    return "\n" + "\n".join(diff or [f"{path} differs in its bytes alone: {wanted!r} is wanted, and this is {got!r}"])


# --- variants -------------------------------------------------------------------------------------------------------


def _varies(path: str) -> bool:
    return path.endswith((".py", ".pyi"))


def _differs(case: Case, change: Callable[[bytes], bytes]) -> bool:
    return any(change(data) != data for path, data in case.before.items() if _varies(path))


def _tabs(data: bytes) -> bytes:
    """Indent with tabs; a line that is aligned by spaces keeps what is left over."""
    return re.sub(rb"(?m)^(?: {4})+", lambda found: b"\t" * (len(found[0]) // 4), data)


def _unfinished(data: bytes) -> bytes:
    return data.rstrip(b"\n")


VARIANTS: dict[str, Callable[[bytes], bytes]] = {
    "with CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "with tabs": _tabs,
    "behind a byte-order mark": lambda data: b"\xef\xbb\xbf" + data,
    "without a final newline": _unfinished,
}
