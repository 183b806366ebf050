"""`rename`: a symbol with its imports, aliases, uses, quoted annotations and `__all__`.

The site is the use; imports follow it. Where one arm of a try binds the target already, the use is already there; where
an arm binds something else, the use is refused, because renaming one arm would break the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from patcher.errors import PatternError, SiteError
from patcher.model import Edit, Site, Status, Step
from patcher.syntax.draft import Draft
from patcher.syntax.imports import Redirect
from patcher.syntax.names import Binding
from patcher.syntax.shims import place, provides
from patcher.syntax.source import Source
from patcher.verbs.base import Findings, Near, Shape
from patcher.verbs.common import texts

__all__ = ["Rename"]


@dataclass(frozen=True, slots=True)
class Rename:
    """The compiled verb: dotted names, the target possibly in the pseudo-package `shim`."""

    old: tuple[str, ...]
    new: str
    place: str | None = None

    KEYS: ClassVar[Mapping[str, Shape]] = {"rename": Shape.TEXTS, "to": Shape.TEXT, "place": Shape.TEXT}

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Check that both sides are dotted names of a symbol in a module."""
        if "to" not in arguments:
            raise PatternError("rename needs `to`, the dotted name that takes over.", ("rename",))
        old = tuple(texts(arguments["rename"]))
        for key, names in (("rename", old), ("to", (arguments["to"],))):
            for name in names:
                if "." not in name or not all(part.isidentifier() for part in name.split(".")):
                    raise PatternError(f"`{name}` is no dotted name of a symbol, as package.module.Symbol is.", (key,))
        if arguments["to"] in old:
            raise PatternError(
                f"`{arguments['to']}` would become itself; this step can never change anything.", ("to",)
            )
        return cls(old, arguments["to"], arguments.get("place"))

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        leaves = {name.rpartition(".")[2] for name in (*self.old, self.new)}
        return [frozenset({leaf.encode()}) for leaf in sorted(leaves)]

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""
        for source in draft.sources(step, self.words):
            found = _File(
                self,
                draft,
                source,
                lambda qualname, path=source.path: draft.in_qualname(step, path, qualname),
            )
            if found.sites or found.near:
                sites = tuple(sorted(found.sites, key=lambda site: site.offset))
                yield Findings(source.path, sites, tuple(found.edits), found.files, found.near)


class _File:
    """What a rename finds in one file."""

    def __init__(self, verb: Rename, draft: Draft, source: Source, scoped: Any) -> None:
        self.verb, self.draft, self.source, self.scoped = verb, draft, source, scoped
        self.sites: list[Site] = []
        self.edits: list[Edit] = []
        self.files: dict[str, bytes] = {}
        self.near: Near | None = None
        self._run()

    def _run(self) -> None:
        names = self.source.names
        for binding in list(names.imports):
            if binding.origin is None:
                continue
            origins = names.origins_of(binding)
            if self.verb.new in origins:
                self._already(binding)
            elif old := next((name for name in self.verb.old if name in origins), None):
                self._renamed(binding, old)
            elif any(old.startswith(f"{origin}.") for old in self.verb.old for origin in origins):
                self._module(binding)
            elif self.verb.new.startswith(tuple(f"{origin}." for origin in origins)):
                self._already_by_module(binding)
            else:
                self._nearly(binding)

    def _already(self, binding: Binding) -> None:
        uses: list[Any] = list(self.source.names.uses(binding.name, binding.node))
        self.sites += [Site(self.source.span(use)[0], Status.ALREADY) for use in (uses or [binding.node])]

    def _already_by_module(self, binding: Binding) -> None:
        for node in self.source.chains(self.verb.new.rpartition(".")[2]):
            if self.verb.new in self.source.names.origins(node):
                self.sites.append(Site(self.source.span(node)[0], Status.ALREADY))

    def _renamed(self, binding: Binding, old: str) -> None:
        others = [one for one in self.source.names.bindings(binding.name, binding.node) if one is not binding]
        origins = [self.source.names.origins_of(one) for one in others]
        if any(self.verb.new in found for found in origins):
            return  # the other arm is there already, and its sites are told with it
        if others and not all(set(found) & set(self.verb.old) for found in origins):
            line = self.source.line_column(self.source.span(others[0].node)[0])[0]
            self._refuse(
                binding,
                f"`{binding.name}` is bound in line {line} too, to something that this step does not rename",
            )
            return
        try:
            redirect = self._redirect(old)
            uses = redirect.symbol(binding)
        except SiteError as error:
            self._refuse(binding, str(error))
            return
        self.edits += redirect.edits
        sites = [Site(self.source.span(use)[0], Status.APPLIED, edits=tuple(edits)) for use, edits in uses.items()]
        known = {site.offset for site in self.sites}
        self.sites += [site for site in sites if site.offset not in known]
        if not uses:
            self.sites.append(Site(self.source.span(binding.node)[0], Status.APPLIED))

    def _module(self, binding: Binding) -> None:
        for old in self.verb.old:
            try:
                redirect = self._redirect(old)
                uses = redirect.module_binding(binding)
            except SiteError as error:
                self._refuse(binding, str(error))
                continue
            if uses:
                self.edits += redirect.edits
                self.sites += [
                    Site(self.source.span(use)[0], Status.APPLIED, edits=tuple(e)) for use, e in uses.items()
                ]

    def _redirect(self, old: str) -> Redirect:
        module, _, name = self.verb.new.rpartition(".")
        if module.startswith("shim."):
            placed = place(self.draft, self.source, module.removeprefix("shim."), self.verb.place)
            if name not in provides(self.draft.shims, module.removeprefix("shim.")):
                raise SiteError(f"the shim has no {name}")
            self.files.update(placed.files)
            module = placed.module
        return Redirect(self.source, old, module, name)

    def _refuse(self, binding: Binding, reason: str) -> None:
        self.sites.append(Site(self.source.span(binding.node)[0], Status.REFUSED, reason))

    def _nearly(self, binding: Binding) -> None:
        """Remember an import of the same name from elsewhere: the usual trace of a change by hand."""
        leaves = {name.rpartition(".")[2] for name in self.verb.old}
        origin = binding.origin or ""
        if binding.name in leaves or origin.rpartition(".")[2] in leaves:
            reason = f"`{binding.name}` is {origin} there, neither {self.verb.old[0]} nor {self.verb.new}"
            self.near = Near(self.source.span(binding.node)[0], reason, 1)
