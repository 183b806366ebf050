"""One recipe file and those that it uses to a Recipe: its own keys here, its steps by the Expander."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from patcher.errors import RecipeError, UsageError
from patcher.model import Hint, Range, Recipe, Upstream
from patcher.recipe.checks import read_checks, read_sizes
from patcher.recipe.expand import Expander
from patcher.recipe.keys import read_id
from patcher.recipe.known import read_known
from patcher.recipe.library import bundled_root, locate, read_bytes
from patcher.recipe.nodes import Node, Reader, Table, Text
from patcher.recipe.parameters import Setting, choose, fill, read_parameters
from patcher.recipe.remote import fetch, is_remote
from patcher.recipe.safeyaml import parse
from patcher.recipe.steps import RecipeFile

if TYPE_CHECKING:
    from patcher.verbs.base import Verb

__all__ = ["HINT", "KEYS", "UPSTREAM", "load"]

KEYS = ("recipe", "summary", "upstream", "parameters", "leave", "known", "steps", "checks", "sizes", "next")
UPSTREAM = ("repository", "tested")
HINT = ("run", "why", "makes")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def load(
    spec: str,
    values: Mapping[str, str] | None = None,
    *,
    library: Path | None = None,
    verbs: Mapping[str, type[Verb]] | None = None,
    source: Mapping[str, str] | None = None,
) -> Recipe:
    """Return a recipe, given its name, its path or its URL, with the parameters set to these values.

    `source` is what a lock says of where it was taken from.

    Raises:
        RecipeError: the recipe, or one that it uses, does not load; it tells every problem.
        UsageError: there is no such recipe, or a value cannot be honoured.

    """
    if verbs is None:
        from patcher.verbs import VERBS

        verbs = VERBS
    loader = _Loader(library or bundled_root(), verbs)
    if not is_remote(spec):
        return loader.load(spec, values or {})
    remote = fetch(spec, source or {})
    loader.fence = remote.path
    return replace(loader.load(str(remote.path), values or {}), source=MappingProxyType(remote.source))


class _Loader:
    """Loads one recipe and those it uses, each file read once."""

    def __init__(self, library: Path, verbs: Mapping[str, type[Verb]]) -> None:
        self._library, self._verbs, self._reader = library, verbs, Reader()
        self._files: dict[Path, RecipeFile] = {}
        self.fence: Path | None = None  # the folder out of which a recipe from elsewhere does not get

    def load(self, spec: str, given: Mapping[str, str]) -> Recipe:
        """Return the recipe, or raise with everything that is wrong."""
        file = self._find(spec, Path())
        values, wrong = choose(file.parameters, given)
        setting = Setting(file.parameters, values)
        least = Range(1 if "upstream" in file.fields else 0)
        found = Expander(self._used, self._verbs, least, self._reader).expand(file, setting)
        checks = read_checks(self._entries(file, "checks", setting), found, self._reader)
        sizes = read_sizes(self._entries(file, "sizes", setting), found, self._reader)
        flaws = tuple(read_known(self._entries(file, "known", setting), self._reader))
        hints = self._hints(file, setting)
        self._stop(wrong)
        return Recipe(
            name=file.name,
            summary=self._reader.text(file.fields["summary"], "summary"),
            folder=str(file.path.parent),
            digest=self._digest(),
            steps=tuple(found.steps),
            upstream=file.upstream,
            parameters=tuple(parameter for parameter in file.parameters.values() if parameter),
            values=MappingProxyType({name: value for name, value in values.items() if value is not None}),
            leave=MappingProxyType(dict(found.leave)),
            checks=checks,
            sizes=sizes,
            next=hints,
            known=flaws,
            bundled=self._is_bundled(file.path),
        )

    def _used(self, spec: str, user: RecipeFile) -> RecipeFile:
        """Return the recipe that another one uses."""
        return self._find(spec, user.path.parent)

    def _find(self, spec: str, base: Path) -> RecipeFile:
        path, offer = locate(spec, self._library, base)
        inside = self.fence is None or path.resolve().is_relative_to(self.fence.resolve())
        if not (inside or offer or self._is_bundled(path)):
            raise UsageError(f"`{spec}` leads out of the recipe's folder, and a recipe from elsewhere stays in it.")
        file = self._open(path)
        node = file.fields.get("recipe")
        if offer and isinstance(node, Text) and file.name == node.value != offer.name:
            as_what = f"The package `{offer.package}` offers this recipe as `{offer.name}`; give it that name."
            self._reader.tell(node.mark, as_what)
        return file

    def _is_bundled(self, path: Path) -> bool:
        return path.parent.parent == self._library

    def _stop(self, wrong: Mapping[str, str]) -> None:
        """Raise what is wrong with the recipes, else with what the user gave."""
        if self._reader.problems:
            raise RecipeError(*sorted(self._reader.problems, key=lambda told: (told.file, told.line, told.column)))
        if wrong:
            raise UsageError("\n".join(f"-p {name}: {sentence}" for name, sentence in wrong.items()))

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for name, data in sorted({(file.name, file.data) for file in self._files.values()}):
            digest.update(f"{name}\0{len(data)}\0".encode() + data)
        return digest.hexdigest()

    def _open(self, path: Path) -> RecipeFile:
        """Return a recipe file, read once."""
        key = path.resolve()
        if key not in self._files:
            data = read_bytes(path)
            root = self._reader.table(parse(data, str(path), self._reader), "A recipe")
            fields = self._reader.fields(root, KEYS, ("recipe", "summary", "steps"))
            self._reader.text(fields.get("summary"), "summary")
            name, upstream = self._name(path, fields.get("recipe")), self._upstream(fields.get("upstream"))
            whole = root.whole and len(fields) == len(root.entries)
            parameters = read_parameters(fields, whole, self._reader)
            self._files[key] = RecipeFile(path, name, data, fields, upstream, parameters)
        return self._files[key]

    def _name(self, path: Path, node: Node | None) -> str:
        name, folder = read_id(node, "recipe", self._reader), path.parent.name
        if node and name and self._is_bundled(path) and name != folder:
            self._reader.tell(node.mark, f"A bundled recipe has the name of its folder, which is `{folder}`.")
        return name or folder

    def _upstream(self, node: Node | None) -> Upstream | None:
        table = self._reader.table(node, "upstream")
        fields = self._reader.fields(table, UPSTREAM, ("repository",))
        repository = self._reader.text(fields.get("repository"), "repository")
        tested = self._reader.texts(fields.get("tested"), "tested")
        for text in tested:
            if not _COMMIT.fullmatch(text.value):
                self._reader.tell(text.mark, f"`{text.value}` is no commit; write all its 40 digits.")
        return Upstream(repository, tuple(text.value for text in tested)) if node else None

    def _entries(self, file: RecipeFile, key: str, setting: Setting) -> Iterator[Table]:
        """Yield the maps of a list in a recipe, parameters filled in."""
        for node in self._reader.items(file.fields.get(key), key):
            yield self._reader.table(fill(node, setting.values, self._reader), f"An entry of {key}")

    def _hints(self, file: RecipeFile, setting: Setting) -> tuple[Hint, ...]:
        found = []
        for table in self._entries(file, "next", setting):
            fields = self._reader.fields(table, HINT, ("run", "why"))
            run, why = (self._reader.text(fields.get(key), key) for key in ("run", "why"))
            makes = self._reader.text(fields["makes"], "makes") if "makes" in fields else None
            found.append(Hint(run, why, makes))
        return tuple(found)
