"""Whether what a tool left of a small tree is acceptable: the same question for every tool, in the same words.

A result is held against a reference (see `check.Becomes`), and never against its formatting:

- the lines that the reference leaves alone are there, byte for byte and in order, with at most an import between them;
- the comments that the reference keeps are there, and so are byte-order mark, line ends, modes and links;
- it parses, and in every world it does what the reference does, as recorded by the stand-ins in `stubs.py`.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import difflib
import importlib
import io
import re
import stat
import sys
import tokenize
import tomllib
import typing
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from bench.torture import stubs
from bench.torture.check import Becomes, Check, Same, World

__all__ = ["Entry", "Report", "build", "judge", "snapshot", "trace"]

MARK = b"\xef\xbb\xbf"
IMPORT = rb"[ \t]*(?:import|from)[ \t][^\n]*\r?\n"
BLANK = rb"[ \t]*\r?\n"
# What may stand between two lines that both stay and stood together: an import that the job needs.
BETWEEN = rb"(?:(?:%s)*%s(?:%s|%s)*)?" % (BLANK, IMPORT, IMPORT, BLANK)
ANYTHING = rb"(?:[^\n]*\n|[^\n]+\Z)*?"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a tree: its bytes, its permissions, and where it leads if it is a link."""

    data: bytes = b""
    mode: int = 0o644
    link: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A place that a tool spoke of without changing it, from its first line to its last; line 0 is the whole file."""

    path: str
    line: int = 0
    text: str = ""
    last: int = 0


Tree = Mapping[str, Entry]


def build(check: Check, folder: Path) -> None:
    """Write a check's tree."""
    for path, data in check.before.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(check.modes.get(path, 0o644))
    for path, target in check.links.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to(target)


def snapshot(folder: Path) -> dict[str, Entry]:
    """Return every file below a folder, less what is in hidden folders: a tool may keep its own records there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts) or "__pycache__" in name.parts:
            continue
        if path.is_symlink():
            found[name.as_posix()] = Entry(link=str(path.readlink()))
        elif path.is_file():
            found[name.as_posix()] = Entry(path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    return found


def judge(check: Check, before: Tree, after: Tree, reports: Iterable[Report], again: Tree | None = None) -> str:
    """Return what is wrong with a result, or nothing. `again` is the tree after the tool's second run."""
    told = list(reports)
    reasons = [
        _same(way, before, after, told) if isinstance(way, Same) else _becomes(way, before, after, told)
        for way in check.ways
    ]
    if all(reasons):
        return "; or ".join(reasons)
    if check.twice and again is not None and again != after:
        return "a second run changes it again"
    return ""


# --- nothing may change ---------------------------------------------------------------------------------------------


def _same(way: Same, before: Tree, after: Tree, reports: Sequence[Report]) -> str:
    changed = [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]
    if changed:
        return f"{changed[0]} may not change"
    return _untold(way.told, reports)


def _untold(told: str, reports: Sequence[Report]) -> str:
    if not told:
        return ""
    path, _, line = told.partition(":")
    for report in reports:
        last = max(report.line, report.last)
        if report.path == path and (not line or not report.line or report.line - 1 <= int(line) <= last + 1):
            return ""
    return f"nothing is told of {told}"


# --- something must change ------------------------------------------------------------------------------------------


def _becomes(way: Becomes, before: Tree, after: Tree, reports: Sequence[Report]) -> str:
    for path in sorted({*before, *after}):
        if path not in before and way.fresh and path.endswith(".py"):
            continue
        if path not in way.files and before.get(path) != after.get(path):
            return f"{path} may not change"
    for path, reference in way.files.items():
        reason = _file(path, way, before[path], reference, after.get(path))
        if reason:
            return f"{path} {reason}"
    return _untold(way.told, reports) or (_behaviour(way, before, after) if way.run else "")


def _file(path: str, way: Becomes, before: Entry, reference: bytes, after: Entry | None) -> str:
    if after is None or after.link:
        return "is gone" if after is None else "became a link"
    if after.mode != before.mode:
        return f"got the mode {after.mode:o}"
    if after.data == reference:
        return ""
    if way.exact:
        return "is not what it must be"
    if after.data == before.data:
        return "did not change"
    return _text(path, way, before.data, reference, after.data)


def _text(path: str, way: Becomes, before: bytes, reference: bytes, after: bytes) -> str:
    if before.startswith(MARK) != after.startswith(MARK):
        return "lost or got a byte-order mark"
    if b"\n" in before and not re.search(rb"(?<!\r)\n", before) and re.search(rb"(?<!\r)\n", after):
        return "got line ends that it did not have"
    if b"\r" not in before and b"\r" in after:
        return "got line ends that it did not have"
    if before.endswith(b"\n") != after.endswith(b"\n") and reference.endswith(b"\n") == before.endswith(b"\n"):
        return "lost or got the newline at its end"
    if not _kept(before, reference).fullmatch(after):
        return "changes a line that may not change"
    if path.endswith((".py", ".pyi")):
        try:
            ast.parse(after)
        except (SyntaxError, ValueError) as error:
            return f"does not parse: {error}"
    lost = (_comments(path, before) & _comments(path, reference)) - _comments(path, after)
    if lost:
        return f"lost the comment {next(iter(lost))}"
    if not way.run and meaning(path, after) != meaning(path, reference):
        return "does not say what it must say"
    lines = after.decode("utf-8", "replace").splitlines()
    for one, other in way.together:
        if not any(one in line and other in line for line in lines):
            return f"has no line with both {one} and {other}"
    return ""


def _kept(before: bytes, reference: bytes) -> re.Pattern[bytes]:
    """Return an expression for every text that leaves alone what the reference leaves alone."""
    old, new = before.split(b"\n"), reference.split(b"\n")
    old, new = [line + b"\n" for line in old[:-1]] + old[-1:], [line + b"\n" for line in new[:-1]] + new[-1:]
    parts = []
    for word, start, end, _, _ in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        parts.append(BETWEEN.join(map(re.escape, old[start:end])) if word == "equal" else ANYTHING)
    return re.compile(BETWEEN + BETWEEN.join(parts) + BETWEEN)


def _comments(path: str, data: bytes) -> Counter[str]:
    """Return the comments of a file; none of one that does not parse."""
    if not path.endswith((".py", ".pyi")):
        return Counter(re.findall(r"(?m)(?:^|(?<=\s))#.*?(?=\r?$)", data.decode("utf-8", "replace")))
    try:
        tokens = list(tokenize.tokenize(io.BytesIO(data).readline))
    except (tokenize.TokenError, SyntaxError):
        return Counter()
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


def meaning(path: str, data: bytes) -> object:
    """Return what a file that is not run says, whatever its layout; for a list of requirements, what it asks for."""
    text = data.decode()
    if path.endswith(".toml"):
        found = tomllib.loads(text)
        return found, [_requirement(line) for line in found["project"].pop("dependencies")]
    if path.endswith((".yml", ".yaml")):
        return [_requirement(line) for line in re.findall(r"(?m)^ *- ?(.*)$", text)]
    if path.endswith((".py", ".pyi")):
        tree = ast.parse(data)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                node.value = _requirement(node.value)
        return ast.dump(tree)
    return [_requirement(line) for line in text.replace("\\\n", " ").splitlines()]


def _requirement(line: str) -> str:
    text = re.sub(r"(^|\s)#.*", "", line).strip()
    try:
        return str(Requirement(text))
    except InvalidRequirement:
        return text


# --- what it does ---------------------------------------------------------------------------------------------------


def _behaviour(way: Becomes, before: Tree, after: Tree) -> str:
    wanted = {path: entry for path, entry in before.items() if path not in way.files}
    wanted |= {path: Entry(data, before[path].mode) for path, data in way.files.items()}
    for world in way.worlds:
        right, found = trace(wanted, way.drive, world), trace(after, way.drive, world)
        if right != found:
            return f"behaves otherwise where {world.name}: {_difference(right, found)}"
    return ""


def _difference(right: list[object], found: list[object]) -> str:
    for one, other in zip(right, found, strict=False):
        if one != other:
            return f"{other} and not {one}"
    return f"{found[-1] if len(found) > len(right) else f'no {right[len(found)]}'}"


def trace(tree: Tree, drive: str, world: World) -> list[object]:
    """Run lines of Python over a tree in a world, and return what the stand-ins and `record` heard."""
    heard: list[object] = []

    def record(what: object, *more: object) -> None:
        heard.append([stubs.describe(what), *map(stubs.describe, more)] if more else stubs.describe(what))

    finder = _Finder(tree)
    known = set(sys.modules)
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in stubs.NAMES}
    sys.modules.update(stubs.packages(record, cuda=world.cuda))
    sys.modules.update(dict.fromkeys(world.missing))
    sys.meta_path.insert(0, finder)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(
                compile(drive, "<drive>", "exec"),
                {"record": record, "bound": _bound, "typed": _typed, "__name__": "drive"},
            )
    except BaseException as error:
        heard.append(f"raised {type(error).__name__}")
    finally:
        sys.meta_path.remove(finder)
        for name in set(sys.modules) - known | {name for name in sys.modules if name.partition(".")[0] in stubs.NAMES}:
            if name.partition(".")[0] in stubs.NAMES or name in finder.made:
                del sys.modules[name]
        sys.modules.update(hidden)
    return heard


class _Finder:
    """Imports the Python files of a tree from memory."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.made: set[str] = set()

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        base = name.replace(".", "/")
        for file in (f"{base}.py", f"{base}/__init__.py"):
            if (data := self._data(file)) is not None:
                spec = importlib.machinery.ModuleSpec(
                    name, _Loader(file, data), is_package=file.endswith("__init__.py")
                )
                self.made.add(name)
                return spec
        if any(one.startswith(f"{base}/") for one in self.tree):
            self.made.add(name)
            return importlib.machinery.ModuleSpec(name, None, is_package=True)
        return None

    def _data(self, path: str) -> bytes | None:
        entry = self.tree.get(path)
        if entry is not None and entry.link:
            entry = self.tree.get((Path(path).parent / entry.link).as_posix())
        return entry.data if entry is not None else None


class _Loader:
    def __init__(self, path: str, data: bytes) -> None:
        self.path, self.data = path, data

    def create_module(self, spec: object) -> None:
        return None

    def exec_module(self, module: typing.Any) -> None:
        module.__file__ = self.path
        exec(compile(self.data, self.path, "exec", dont_inherit=True), module.__dict__)


def _bound(module: object, *names: str) -> list[bool]:
    """Return which names a module binds: an import that failed must leave something behind."""
    return [hasattr(module, name) for name in names]


def _typed(module: str, name: str) -> object:
    """Return the annotations of a function as a type checker sees them: with TYPE_CHECKING true."""
    typing.TYPE_CHECKING = True
    try:
        function = getattr(importlib.import_module(module), name)
        return typing.get_type_hints(function, vars(builtins) | vars(sys.modules[module]))
    finally:
        typing.TYPE_CHECKING = False
