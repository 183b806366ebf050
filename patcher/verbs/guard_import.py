"""`guard_import`: an import that may be missing gets a second arm, nested where a handler's own import can fail."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from keyword import iskeyword
from symtable import symtable
from typing import Any, ClassVar, Self

from patcher.errors import PatternError, SiteError
from patcher.model import Site, Status, Step
from patcher.syntax.blocks import imported_aliases, local_name
from patcher.syntax.draft import Draft
from patcher.syntax.guards import ImportStatement, guard
from patcher.syntax.instead import Led, lead_to
from patcher.syntax.layout import level_of
from patcher.syntax.modules import module_name
from patcher.syntax.readers import Readers
from patcher.syntax.shim_files import has_module, refuse_unknown
from patcher.syntax.shims import place
from patcher.syntax.source import Source
from patcher.syntax.standin import Wanted, faster, others_of, wanted_of, written
from patcher.verbs.base import Findings, Shape
from patcher.verbs.common import checked_place, texts

__all__ = ["GuardImport"]


@dataclass(frozen=True, slots=True)
class GuardImport:
    """The compiled verb: packages, and what stands in: a shim by name, or lines of code.

    `bound` are the names that the code binds, None where none has to be. `always`: the shim takes the package's place;
    `lazy`: imports in functions and under an `if` are guarded too.
    """

    roots: tuple[str, ...]
    shim: str | None
    code: tuple[str, ...]
    flag: str | None = None
    place: str | None = None
    bound: frozenset[str] | None = None
    always: bool = False
    lazy: bool = False

    KEYS: ClassVar[Mapping[str, Shape]] = {
        "guard_import": Shape.TEXTS,
        "otherwise": Shape.TEXT,
        "always": Shape.TEXT,
        "lazy": Shape.TEXT,
        "flag": Shape.TEXT,
        "place": Shape.TEXT,
    }

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Check the packages, the flag, and that the second arm is a shim or compiles."""
        roots = tuple(texts(arguments["guard_import"]))
        for root in roots:
            if not root.isidentifier() or iskeyword(root):
                raise PatternError(f"`{root}` is no top-level package; guard_import takes those.", ("guard_import",))
        flag = arguments.get("flag")
        if flag is not None and (not flag.isidentifier() or iskeyword(flag)):
            raise PatternError(f"`{flag}` is no name for a flag.", ("flag",))
        if "otherwise" not in arguments:
            raise PatternError(
                "guard_import needs `otherwise`: a shim (shim.NAME) or code (X = None).", ("guard_import",)
            )
        where = checked_place(arguments)
        otherwise = arguments["otherwise"].strip()
        always, lazy = _said(arguments, "always"), _said(arguments, "lazy")
        if always and (flag is not None or not otherwise.startswith("shim.")):
            raise PatternError(
                "`always` needs a shim as `otherwise`, and no flag: nothing is left to tell.", ("always",)
            )
        if lazy and flag is not None:
            raise PatternError("`lazy` takes no flag, which a function would keep for itself.", ("lazy",))
        if otherwise.startswith("shim."):
            return cls(roots, otherwise.removeprefix("shim."), (), flag, where, always=always, lazy=lazy)
        try:
            body = ast.parse(otherwise).body
        except SyntaxError:
            body = []
        if not body:
            raise PatternError(f"`{otherwise}` is neither a shim (shim.NAME) nor Python.", ("otherwise",))
        return cls(roots, None, tuple(_lines(otherwise, body)), flag, bound=_bound(otherwise, body), lazy=lazy)

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        return [frozenset({root.encode()}) for root in self.roots]

    def serves(self, draft: Draft, module: str) -> str:
        """Say of a module (dotted) that the shim stands in for it, or nothing."""
        stands = module.partition(".")[0] in self.roots and has_module(draft.shims, self._stands_for(draft)(module))
        return ", which the shim may lack," if self.shim and stands else ""

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""
        copies: dict[str, bytes] = {}
        for source in draft.sources(step, self.words):
            if source.path.endswith(".pyi") or module_name(source.path) in draft.stand_ins:
                continue  # nothing in a stub is run, and a copied shim imports itself
            files: dict[str, bytes] = {}
            left: list[Site] = []
            inside = partial(_in_scope, draft, step, source)
            if self.always:
                other = partial(self._other, draft, source, dict(copies), files)
                sites = lead_to(source, self.roots, other, f"shim.{self.shim}", inside)
            else:
                arm = partial(self._arm, draft, source, dict(copies), files, left)
                sites = guard(source, self.roots, arm, self.flag, inside, lazy=self.lazy, whole=bool(self.shim))
            applied = any(site.status is Status.APPLIED for site in sites)
            if applied:
                copies |= files
            if sites:
                told = tuple(sorted((*sites, *(left if applied else ())), key=lambda site: site.offset))
                yield Findings(source.path, told, files=files if applied else {})

    def _arm(
        self,
        draft: Draft,
        source: Source,
        copies: dict[str, bytes],
        files: dict[str, bytes],
        left: list[Site],
        group: list[ImportStatement],
    ) -> list[str]:
        if self.shim is None:
            self._check_bound(draft, source, group, left)
            code = _indented(self.code, source, level_of(source, source.span(group[0])[0]))
            return code + ([] if self.bound is None else list(others_of(source, group, self.roots).values()))
        refuse_unknown(draft.shims, self.shim)
        lines: list[str] = []
        for statement in group:
            lines += self._second(draft, source, statement, copies, files, left)
        return list(dict.fromkeys(lines)) or ["pass"]

    def _check_bound(self, draft: Draft, source: Source, group: list[ImportStatement], left: list[Site]) -> None:
        """Refuse code that leaves a name unbound which is read; what nobody reads is added to `left`."""
        others = others_of(source, group, self.roots)
        every = [alias for one in group for alias in imported_aliases(one) if alias not in others]
        names = {local_name(source, alias): alias for alias in every}
        missing = [] if self.bound is None else [name for name in names if name not in (*self.bound, self.flag)]
        for name in missing:
            used = bool(source.names.uses(name, names[name])) or source.names.exported(name)
            if reader := _reader(draft, source, name, used=used):
                raise SiteError(f"`otherwise` does not bind {name}, and it is used {reader}; bind it there too")
            reason = f"{name} is left out of the second arm: `otherwise` lacks it, and nothing in the tree reads it"
            left.append(Site(source.span(group[0])[0], Status.ABSENT, reason))

    def _second(
        self,
        draft: Draft,
        source: Source,
        statement: ImportStatement,
        copies: dict[str, bytes],
        files: dict[str, bytes],
        left: list[Site],
    ) -> list[str]:
        """Return the imports of the shim that stand in for one statement, without the names that nobody reads.

        What is left out is added to `left`: nothing in the tree reads it, but what is outside of the tree might.
        """
        lines: list[str] = []
        for wanted in wanted_of(source, statement, self.roots, draft.shims, self._stands_for(draft)):
            for one in wanted.missing:
                if reader := _reader(draft, source, one.local, used=one.used):
                    raise SiteError(
                        f"the shim has no {one.name}, and it is used {reader}; write it by hand, or remove its use"
                    )
                reason = (
                    f"{one.name} is left out of the second arm: the shim lacks it, and nothing in the tree reads it"
                )
                left.append(Site(source.span(statement)[0], Status.ABSENT, reason))
            if wanted.needs or wanted.other:
                lines.append(written(wanted, self._placed(draft, source, wanted, copies, files)))
        return lines

    def _other(
        self,
        draft: Draft,
        source: Source,
        copies: dict[str, bytes],
        files: dict[str, bytes],
        statement: ImportStatement,
    ) -> Led:
        """Return what takes the place of a statement where the shim alone is to serve it."""
        refuse_unknown(draft.shims, str(self.shim))
        found = wanted_of(source, statement, self.roots, draft.shims, self._stands_for(draft))
        for one in (one for wanted in found for one in wanted.missing):
            if reader := _reader(draft, source, one.local, used=one.used):
                raise SiteError(f"the shim has no {one.name}, and it is used {reader}; write it by hand, or remove it")
        modules = [self._placed(draft, source, one, copies, files) if one.needs else "" for one in found]
        lines = [written(one, module) for one, module in zip(found, modules, strict=True) if module or one.other]
        gone = frozenset(one.local for one in found[0].missing)
        return Led(modules[0], tuple(dict.fromkeys(lines)), gone, others_of(source, [statement], self.roots))

    def _stands_for(self, draft: Draft) -> Callable[[str], str]:
        """Return what gives the shim's module for one of the package."""

        def module(name: str) -> str:
            root, *parts = name.split(".")
            # A shim stands in for a second package with a module that is called like a shim of it.
            own = [f"{root}_torch"] if has_module(draft.shims, f"{self.shim}.{root}_torch") else []
            return ".".join((str(self.shim), *own, *parts))

        return module

    def _placed(
        self, draft: Draft, source: Source, wanted: Wanted, copies: dict[str, bytes], files: dict[str, bytes]
    ) -> str:
        """Put what is imported into `files`, and return the module as the file writes it; another package has none."""
        if wanted.other:
            return ""
        for module, names in wanted.needs:
            files.update(place(draft, source, module, self.place, copies, names=names).files)
        for module in faster(source, draft.shims, str(self.shim)):
            files.update(place(draft, source, module, self.place, copies).files)
        return place(draft, source, wanted.module, self.place, copies).module


def _said(arguments: Mapping[str, Any], key: str) -> bool:
    if arguments.get(key, "no") not in ("yes", "no"):
        raise PatternError(f"`{arguments[key]}` is neither yes nor no.", (key,))
    return arguments.get(key) == "yes"


def _in_scope(draft: Draft, step: Step, source: Source, statement: Any) -> bool:
    return draft.in_qualname(step, source.path, source.names.qualname(statement))


def _reader(draft: Draft, source: Source, name: str, *, used: bool) -> str:
    """Say where an imported name is read, or nothing; `used`: in its own file."""
    other = None if used else Readers(draft).first(source.path, name)
    return "here" if used else f"in {other.source.path}" if other else ""


def _bound(text: str, body: Sequence[ast.stmt]) -> frozenset[str] | None:
    """Return the names that the recipe's code binds; None where it ends by raising, so that nothing follows it."""
    if isinstance(body[-1], ast.Raise):
        return None
    symbols = symtable(text, "otherwise", "exec").get_symbols()
    return frozenset(one.get_name() for one in symbols if one.is_assigned() or one.is_imported())


def _lines(text: str, body: Sequence[ast.stmt]) -> Iterator[str]:
    """Yield the lines of the recipe's code; one that begins inside a string stays with the line above it."""
    strings = [node for one in body for node in ast.walk(one) if isinstance(node, (ast.Constant, ast.JoinedStr))]
    inside = {line for one in strings for line in range(one.lineno, one.end_lineno or one.lineno)}
    lines = text.split("\n")
    first = 0
    for number in range(1, len(lines) + 1):
        if number not in inside:
            yield "\n".join(lines[first:number])
            first = number


def _indented(lines: Sequence[str], source: Source, level: str) -> list[str]:
    """Return lines of the recipe's code with the indentation and line ends of their place."""
    bare = [line.lstrip(" ") for line in lines]
    widths = [len(line) - len(text) for line, text in zip(lines, bare, strict=True)]
    unit = min(filter(None, widths), default=1)
    return [
        level * (width // unit) + " " * (width % unit) + text.replace("\n", source.newline)
        for width, text in zip(widths, bare, strict=True)
    ]
