"""What the sites of a step do to their file, taken together: none is kept with which it would be a program no more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from patcher.model import Edit, Site, Status
from patcher.syntax.compiling import broken
from patcher.syntax.source import Source
from patcher.syntax.spelling import Spelling

__all__ = ["Added"]


@dataclass(frozen=True, slots=True)
class Added:
    """The file, and for each site that is applied how its names are written: that may need imports and new files."""

    source: Source
    spelled: Mapping[Site, Spelling]

    def sound(self, sites: Sequence[Site]) -> list[Site]:
        """Return the sites; those with whose edits the file would be no program any more are refused."""
        made = self._all(sites)
        if not made or not broken(self.source, made):
            return list(sites)
        kept: list[Site] = []
        for site in sites:
            why = broken(self.source, self._all([*kept, site])) if site.edits else ""
            kept.append(replace(site, status=Status.REFUSED, reason=why, edits=()) if why else site)
        return kept

    def edits(self, site: Site) -> Sequence[Edit]:
        """Return the edits that a site needs elsewhere in the file."""
        return self.spelled[site].edits if site in self.spelled else ()

    def files(self, sites: Iterable[Site]) -> dict[str, bytes]:
        """Return the new files that some sites count on."""
        found = (self.spelled[site].files for site in sites if site in self.spelled)
        return {path: data for files in found for path, data in files.items()}

    def _all(self, sites: Iterable[Site]) -> list[Edit]:
        return [edit for site in sites for edit in (*self.edits(site), *site.edits)]
