"""The recipes that installed packages offer: who is found, who wins, and that nobody's code runs.

Each distribution is what pip leaves: packages, and beside them a dist-info with entry points.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path

import pytest

from patcher.errors import RecipeError
from patcher.recipe import Description, describe
from tests.helpers import write_tree
from tests.recipe.shelf import HEAD, STEP, Shelf

BOMB = "raise AssertionError('a package was imported')\n"


class Site:
    """A folder of installed packages that Python looks into."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def install(self, distribution: str, points: str, **packages: str) -> None:
        """Install a distribution with these entry points; a package whose recipe is "" has none."""
        info = self.root / f"{distribution}-1.0.dist-info"
        text = f"[console_scripts]\nx = y:z\n\n[patcher.recipes]\n{points}\n"
        write_tree(info, {"METADATA": f"Name: {distribution}\nVersion: 1.0\n", "entry_points.txt": text})
        for package, recipe in packages.items():
            folder = self.root / package.replace("__", "/")
            write_tree(folder, {"__init__.py": BOMB, **({"recipe.yaml": recipe} if recipe else {})})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    root = tmp_path / "site-packages"
    root.mkdir()
    monkeypatch.syspath_prepend(root)
    return Site(root)


@pytest.fixture(autouse=True)
def nothing_is_imported() -> Iterator[None]:
    before = set(sys.modules)
    yield
    assert not {name for name in set(sys.modules) - before if name.startswith(("ours", "theirs"))}


def recipe(name: str, step: str = "one") -> str:
    return HEAD.format(name=name) + "steps:\n" + STEP.replace("one", step)


def test_a_package_offers_a_recipe(shelf: Shelf, site: Site) -> None:
    site.install("ours", "cluster = ours_cluster", ours_cluster=recipe("cluster"))
    found = shelf.load("cluster")
    assert (found.name, found.bundled) == ("cluster", False)
    assert found.folder == str(site.root / "ours_cluster")
    assert found.steps[0].origin == f"{site.root}/ours_cluster/recipe.yaml:4:5"


def test_a_package_offers_several_recipes(shelf: Shelf, site: Site) -> None:
    """One inside another is found without importing either, and needs no __init__.py."""
    site.install("ours", "a = ours.a\nb-b = ours.more.b_b", ours="", ours__a=recipe("a"), ours__more__b_b=recipe("b-b"))
    (site.root / "ours" / "more" / "b_b" / "__init__.py").unlink()
    assert [shelf.load(name).name for name in ("a", "b-b")] == ["a", "b-b"]


def test_a_package_of_two_folders(shelf: Shelf, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace package has one in each place where Python looks."""
    site.install("ours", "a = ours.a", ours__a=recipe("a"))
    (site.root / "ours" / "a" / "__init__.py").unlink()
    write_tree(tmp_path / "other" / "ours" / "b", {"x": ""})
    monkeypatch.syspath_prepend(tmp_path / "other")
    assert shelf.load("a").name == "a"


def test_a_recipe_of_a_package_is_used_by_name(shelf: Shelf, site: Site) -> None:
    site.install("ours", "a = ours_a\nb = ours_b", ours_a=recipe("a"), ours_b=recipe("b"))
    shelf.add("demo", "steps:\n  - use: a\n  - use: b\n")
    assert [step.id for step in shelf.load().steps] == ["a/one", "b/one"]


def test_a_bundled_recipe_wins_and_the_other_is_told(shelf: Shelf, site: Site) -> None:
    shelf.add("demo", "steps:\n" + STEP)
    site.install("theirs", "demo = theirs", theirs=recipe("demo", "taken"))
    assert [step.id for step in shelf.load("demo").steps] == ["one"]
    path = site.root / "theirs" / "recipe.yaml"
    told = f"The bundled recipe has this name; to use this one give its path, `{path}`."
    found = (Description("demo", "A demonstration"), Description("demo", "", told, "theirs"))
    assert describe(shelf.root) == found
    assert [step.id for step in shelf.load(str(path)).steps] == ["taken"]


def test_of_two_packages_with_one_name_neither_wins(shelf: Shelf, site: Site) -> None:
    site.install("ours", "a = ours", ours=recipe("a"))
    site.install("theirs", "a = theirs", theirs=recipe("a"))
    told = "Several installed packages offer a recipe `a`; give the path of the one you want."
    assert shelf.complaint("a") == f"The recipe `a` cannot be used. {told}"
    assert [(one.trouble, one.package) for one in describe(shelf.root)] == [(told, "ours"), (told, "theirs")]


def test_a_package_that_is_installed_twice_is_one(shelf: Shelf, site: Site) -> None:
    site.install("ours", "a = ours", ours=recipe("a"))
    site.install("ours_too", "a = ours")
    assert shelf.load("a").name == "a"


def test_a_folder_here_does_not_stand_for_the_name(
    shelf: Shelf, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("ours", "a = ours", ours=recipe("a"))
    write_tree(tmp_path / "a", {"recipe.yaml": recipe("a", "fork")})
    monkeypatch.chdir(tmp_path)
    assert (shelf.load("a").steps[0].id, shelf.load("./a").steps[0].id) == ("one", "fork")


TROUBLE = {
    "a package that is not installed": ("gone.a", "names the package `gone.a`, which is not installed."),
    "a part of a package that is not there": ("ours.b", "names the package `ours.b`, which is not installed."),
    "a module, which has no folder": ("ours.mod", "names the package `ours.mod`, which is not installed."),
    "a package without a recipe": (
        "ours",
        "names the package `ours`, which has no recipe.yaml; whoever made the package must add it.",
    ),
    "a module of Python's own": ("json.decoder", "names the package `json.decoder`, which is not installed."),
    "the program itself": ("__main__", "names the package `__main__`, which is not installed."),
    "an attribute": ("ours:path", "says `ours:path`, where the package stands in whose folder recipe.yaml lies."),
    "a path": ("../ours", "says `../ours`, where the package stands in whose folder recipe.yaml lies."),
    "nothing": ("", "says ``, where the package stands in whose folder recipe.yaml lies."),
}


@pytest.mark.parametrize(("package", "told"), TROUBLE.values(), ids=TROUBLE.keys())
def test_an_offer_that_leads_nowhere(shelf: Shelf, site: Site, package: str, told: str) -> None:
    site.install("ours", f"a = {package}\nb = ours.fine", ours="", ours__fine=recipe("b"))
    write_tree(site.root / "ours", {"mod.py": BOMB})
    assert shelf.complaint("a") == f"The recipe `a` cannot be used. Its entry point {told}"
    assert describe(shelf.root) == (
        Description("a", "", f"Its entry point {told}", package),
        Description("b", "A demonstration", "", "ours.fine"),
    )


def test_the_name_of_the_entry_point_is_the_name_of_the_recipe(shelf: Shelf, site: Site) -> None:
    site.install("ours", "a = ours", ours=recipe("b"))
    with pytest.raises(RecipeError) as caught:
        shelf.load("a")
    told = "The package `ours` offers this recipe as `a`; give it that name."
    assert str(caught.value) == f"{site.root}/ours/recipe.yaml:1:9: {told}"
    assert shelf.load(str(site.root / "ours")).name == "b"


def test_a_name_that_is_no_name_is_told_once(shelf: Shelf, site: Site) -> None:
    site.install("ours", "A = ours", ours=recipe("A"))
    with pytest.raises(RecipeError, match=r"^\S+:1:9: `A` is not lower-case words joined by `-`, as `recipe` wants\.$"):
        shelf.load("A")


def test_a_broken_recipe_of_a_package_does_not_hide_the_others(shelf: Shelf, site: Site) -> None:
    shelf.add("demo", "steps:\n" + STEP)
    site.install("ours", "a = ours_a\nb = ours_b", ours_a="recipe: [", ours_b=recipe("b"))
    found = describe(shelf.root)
    assert [(one.name, one.package) for one in found] == [("demo", ""), ("a", "ours_a"), ("b", "ours_b")]
    assert found[1].trouble == f"{site.root}/ours_a/recipe.yaml:1:9: A bracket that opens above is never closed."


def test_an_unknown_name_is_compared_with_what_packages_offer(shelf: Shelf, site: Site) -> None:
    shelf.add("demo", "steps:\n" + STEP)
    site.install("ours", "cluster = ours\nclusters = gone", ours=recipe("cluster"))
    assert shelf.complaint("clusterz") == "There is no recipe `clusterz`; did you mean `cluster`? See `patcher list`."
    assert shelf.complaint("x") == "There is no recipe `x`; known: cluster, demo. See `patcher list`."


class Watch(MetaPathFinder):
    """Counts how often somebody asks which distributions there are."""

    asked = 0

    def find_distributions(self, context: object = None) -> list[object]:
        self.asked += 1
        return []


def test_packages_are_asked_only_where_no_bundled_name_fits(
    shelf: Shelf, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.add("used", "steps:\n" + STEP)
    path = shelf.add("demo", "steps:\n  - use: used\n")
    site.install("ours", "a = ours", ours=recipe("a"))
    watch = Watch()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, watch])
    shelf.load("demo")
    shelf.load(str(path))
    assert watch.asked == 0
    shelf.load("a")
    assert watch.asked == 1
