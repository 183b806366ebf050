"""Which recipes fit a checkout, and what in it says so. Each is planned with its defaults; nothing is written.

A recipe of an upstream fits if no step that it counts on has drifted. One that has no upstream fits wherever it finds
something to do. What fits in part is kept too: it says what this tree has of that upstream and what it lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import RecipeError, TargetError
from patcher.model import Outcome, Place, Recipe, Status
from patcher.plan import draft_of, take

__all__ = ["Fit", "Verdict", "detect"]


class Verdict(StrEnum):
    """How a recipe stands to a tree."""

    FITS = "fits"
    APPLIED = "applied"
    PARTLY = "partly"
    NOT = "not"


@dataclass(frozen=True, slots=True)
class Fit:
    """How one recipe stands to a tree.

    `places` are those where it would do something, or has done it, each with the step; `lacking` says what of the
    recipe is not in the tree. `origin` is a remote of the checkout that is the recipe's upstream. `part_of` are the
    recipes listed that use this one.
    """

    recipe: Recipe
    verdict: Verdict
    places: tuple[tuple[str, Place], ...] = ()
    lacking: tuple[str, ...] = ()
    origin: str = ""
    part_of: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether no step that the recipe counts on lacks its place."""
        return self.verdict in (Verdict.FITS, Verdict.APPLIED)


def detect(recipes: Iterable[Recipe], checkout: Checkout, shims: Path) -> tuple[Fit, ...]:
    """Return how recipes stand to a checkout: those of an upstream first, and the better before the worse.

    Raises:
        TargetError: the checkout cannot be read.
    """
    found = sorted((_fit(recipe, checkout, shims) for recipe in recipes), key=_rank)
    whole = [fit for fit in found if fit.whole and fit.recipe.upstream]
    return tuple(_with_users(fit, whole) for fit in found)


def _with_users(fit: Fit, whole: Iterable[Fit]) -> Fit:
    used = f"{fit.recipe.name}/"
    users = tuple(one.recipe.name for one in whole if any(step.id.startswith(used) for step in one.recipe.steps))
    return Fit(fit.recipe, fit.verdict, fit.places, fit.lacking, fit.origin, users)


def _rank(fit: Fit) -> tuple[bool, bool, bool, int, int, int, str]:
    """Return what sorts the better before the worse: among upstreams, the one of which more steps find something.

    A fork's recipe fits the tree that it was forked from too, and has more to do in general, but fewer of its steps.
    """
    general, steps = fit.recipe.upstream is None, len({step for step, _ in fit.places})
    verdict = list(Verdict).index(fit.verdict)
    return (
        not fit.whole,
        general,
        not fit.origin,
        verdict if general or not fit.whole else 0,
        -steps,
        -len(fit.places),
        fit.recipe.name,
    )


def _fit(recipe: Recipe, checkout: Checkout, shims: Path) -> Fit:
    origin = _origin(recipe, checkout)
    draft = draft_of(recipe, checkout, shims)
    outcomes: dict[str, Outcome] = {}
    try:
        for step in recipe.steps:  # no more of a plan than its outcomes
            outcomes[step.id] = take(step, draft, outcomes)
    except (RecipeError, TargetError) as error:
        # The recipe cannot be used here: a file that it names is broken, or it fits so badly that it trips.
        return Fit(recipe, Verdict.NOT, lacking=(str(error),), origin=origin)
    places = tuple(_places(outcomes.values()))
    drifted = [one for one in outcomes.values() if one.status is Status.DRIFTED and not one.step.optional]
    lacking = tuple(f"{one.step.id}: {one.reason}" for one in drifted)
    return Fit(recipe, _verdict(places, lacking), places, lacking, origin)


def _verdict(places: tuple[tuple[str, Place], ...], lacking: tuple[str, ...]) -> Verdict:
    if not places:
        return Verdict.NOT
    if not lacking:
        return Verdict.FITS if any(place.status is Status.APPLIED for _, place in places) else Verdict.APPLIED
    return Verdict.PARTLY if len({step for step, _ in places}) > len(lacking) else Verdict.NOT


def _places(outcomes: Iterable[Outcome]) -> Iterator[tuple[str, Place]]:
    """Yield the places of code that speak for a recipe.

    That a list of requirements lacks something says nothing, and neither does that code to be deleted is not there.
    """
    for outcome in outcomes:
        if outcome.step.verb != "requirements" and outcome.status is not Status.DRIFTED:
            silent = outcome.step.verb == "delete" and outcome.status is Status.ALREADY
            for place in () if silent else outcome.places:
                if place.status in (Status.APPLIED, Status.ALREADY, Status.REFUSED):
                    yield outcome.step.id, place


def _origin(recipe: Recipe, checkout: Checkout) -> str:
    """Return the remote of a checkout that is the recipe's upstream, or nothing."""
    if recipe.upstream is None:
        return ""
    wanted = _repository(recipe.upstream.repository)
    return next((url for url in checkout.remotes if _repository(url) == wanted), "")


def _repository(url: str) -> str:
    """Return owner and name of a repository, by which two URLs of it are the same."""
    return "/".join(url.removesuffix("/").removesuffix(".git").replace(":", "/").split("/")[-2:]).lower()
