"""Recipes from git repositories: fetched once, pinned by commit and hash, and shut in."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.helpers import Patcher, commit_all, git, write_tree

RECIPE = """recipe: theirs
summary: Somebody else's
steps:
  - {id: swap, why: because, effect: exact, replace: abs($X), with: round($X)}
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a recipe in a folder, and one at its top."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return commit_all(write_tree(tmp_path / "host", {"sub/dir/recipe.yaml": RECIPE, "recipe.yaml": RECIPE}))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return commit_all(write_tree(tmp_path / "tree", {"a.py": "abs(1)\n"}))


def head(folder: Path) -> str:
    return git(folder, "rev-parse", "HEAD").strip()


def url(host: Path, at: str = "", folder: str = "sub/dir") -> str:
    return f"git+file://{host}{f'@{at}' if at else ''}{f'#{folder}' if folder else ''}"


@pytest.mark.parametrize("folder", ["sub/dir", ""])
def test_a_recipe_at_a_commit(host: Path, tree: Path, patcher: Patcher, folder: str) -> None:
    result = patcher("apply", tree, "-r", url(host, head(host), folder))
    assert result.code == 0, result.stderr
    assert (tree / "a.py").read_text() == "round(1)\n"


@pytest.mark.parametrize("kind", ["branch", "tag", "tag --annotate --message x"])
def test_a_branch_and_a_tag(host: Path, tree: Path, patcher: Patcher, kind: str) -> None:
    git(host, *kind.split(), "v1")
    assert patcher("apply", tree, "-r", url(host, "v1"), "--lock").code == 0
    (entry,) = yaml.safe_load((tree / ".patcher/lock.yaml").read_text())["recipes"]
    assert entry["source"]["commit"] == head(host)


class TestLock:
    @pytest.fixture
    def locked(self, host: Path, tree: Path, patcher: Patcher) -> Path:
        assert patcher("apply", tree, "-r", url(host), "--commit").code == 0
        return tree

    def test_it_names_url_commit_and_hash(self, locked: Path, host: Path) -> None:
        (entry,) = yaml.safe_load((locked / ".patcher/lock.yaml").read_text())["recipes"]
        assert entry["recipe"] == url(host)
        assert (entry["source"]["url"], entry["source"]["commit"]) == (f"file://{host}", head(host))
        assert len(entry["source"]["sha256"]) == 64

    def test_what_the_host_has_now_does_not_matter(self, locked: Path, host: Path, patcher: Patcher) -> None:
        write_tree(host, {"sub/dir/recipe.yaml": RECIPE.replace("round", "hash")})
        git(host, "commit", "--quiet", "--all", "--message", "newer")
        (locked / "a.py").write_text("abs(2)\n")
        assert patcher("apply", locked, "--allow-dirty").code == 0
        assert (locked / "a.py").read_text() == "round(2)\n"

    def test_a_cache_is_all_that_is_needed_again(self, locked: Path, host: Path, patcher: Patcher) -> None:
        host.rename(host.with_name("gone"))
        assert patcher("apply", locked, "--check").code == 0

    def test_an_empty_cache_is_filled_with_the_same(self, locked: Path, patcher: Patcher, tmp_path: Path) -> None:
        (tmp_path / "cache").rename(tmp_path / "old")
        assert patcher("apply", locked, "--check").code == 0

    def test_a_hash_that_differs_is_refused(self, locked: Path, patcher: Patcher, tmp_path: Path) -> None:
        (file,) = (tmp_path / "cache").rglob("recipe.yaml")
        file.write_text(RECIPE.replace("round", "eval"))
        (locked / "a.py").write_text("abs(2)\n")
        result = patcher("apply", locked, "--allow-dirty")
        assert result.code == 2
        assert "is not what the lock has, so it is not used:" in result.stderr
        assert (locked / "a.py").read_text() == "abs(2)\n"

    def test_another_commit_takes_the_place_of_the_first(self, locked: Path, host: Path, patcher: Patcher) -> None:
        write_tree(host, {"sub/dir/README": "more\n"})
        commit_all(host)
        assert patcher("apply", locked, "-r", url(host), "--commit").code == 0
        (entry,) = yaml.safe_load((locked / ".patcher/lock.yaml").read_text())["recipes"]
        assert entry["source"]["commit"] == head(host)


class TestShutIn:
    def refused(self, host: Path, tree: Path, patcher: Patcher, *options: str) -> str:
        commit_all(host)
        result = patcher("apply", tree, "-r", url(host), *options)
        assert result.code == 2
        assert (tree / "a.py").read_text() == "abs(1)\n"
        return result.stderr

    def test_its_python_is_not_run_unasked(self, host: Path, tree: Path, patcher: Patcher) -> None:
        step = "  - {id: mod, why: w, effect: exact, codemod: 'mod.py:Mod', mentions: [abs]}\n"
        write_tree(host, {"sub/dir/recipe.yaml": RECIPE + step, "sub/dir/mod.py": "open('/tmp/mark', 'w')\n"})
        assert "give --allow-python to run it" in self.refused(host, tree, patcher)

    def test_its_checks_are_not_run_unasked(self, host: Path, tree: Path, patcher: Patcher) -> None:
        write_tree(host, {"sub/dir/recipe.yaml": RECIPE + "checks: [{id: train, why: w, run: [true]}]\n"})
        commit_all(host)
        assert patcher("apply", tree, "-r", url(host)).code == 0
        result = patcher("verify", tree, "-r", url(host))
        assert result.code == 2
        assert "give --allow-run to run them" in result.stderr

    def test_a_link_is_refused(self, host: Path, tree: Path, patcher: Patcher) -> None:
        (host / "sub" / "dir" / "more").symlink_to("/etc")
        assert "has the link more; a recipe from elsewhere holds files alone" in self.refused(host, tree, patcher)

    @pytest.mark.parametrize("spec", ["../other.yaml", "/etc/hostname.yaml", "./../../x/recipe.yaml"])
    def test_it_uses_nothing_outside(self, host: Path, tree: Path, patcher: Patcher, spec: str) -> None:
        write_tree(host, {"sub/dir/recipe.yaml": RECIPE + f"  - use: {spec}\n", "sub/other.yaml": RECIPE})
        said = self.refused(host, tree, patcher)
        assert "leads out of the recipe's folder" in said or "There is no file or folder" in said

    def test_it_may_use_bundled_recipes_and_its_own(self, host: Path, tree: Path, patcher: Patcher) -> None:
        uses = "  - use: device\n  - {use: ./more.yaml}\n"
        write_tree(host, {"sub/dir/recipe.yaml": RECIPE + uses, "sub/dir/more.yaml": RECIPE.replace("abs", "len")})
        commit_all(host)
        assert patcher("show", url(host)).code == 0


@pytest.mark.parametrize(
    "spec",
    [
        "git+ext::sh -c whoami",
        "git+--upload-pack=x",
        "git+/home/you/x",
        "git+https://host/x@a b",
        "git+https://host/x#../y",
        "git+ftp://host/x",
        "git+",
    ],
)
def test_what_is_no_such_url(patcher: Patcher, tree: Path, spec: str) -> None:
    result = patcher("apply", tree, "-r", spec)
    assert result.code == 2
    assert "is no recipe in a git repository; write git+https://HOST/REPOSITORY@COMMIT#FOLDER." in result.stderr


@pytest.mark.parametrize("at", ["0" * 40, "no-such-branch"])
def test_a_commit_that_is_not_there(host: Path, tree: Path, patcher: Patcher, at: str, tmp_path: Path) -> None:
    result = patcher("apply", tree, "-r", url(host, at))
    assert result.code == 5
    assert "could not be fetched" in result.stderr
    assert not list((tmp_path / "cache").rglob("recipe.yaml"))


def test_a_repository_that_is_not_there(host: Path, tree: Path, patcher: Patcher) -> None:
    assert patcher("apply", tree, "-r", url(host.parent / "none")).code == 5


def test_a_folder_that_is_not_there(host: Path, tree: Path, patcher: Patcher, tmp_path: Path) -> None:
    result = patcher("apply", tree, "-r", url(host, head(host), "none"))
    assert result.code == 5
    assert not [path for path in (tmp_path / "cache" / "patcher" / "recipes").iterdir() if path.name[0] != "."]
