"""Every example of the documentation is run: recipes are loaded, diffs are made, and commands are typed."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from patcher.cases import KEYS
from patcher.verbs import VERBS
from tests.docs.examples import Block, Section, sections, sides
from tests.helpers import ROOT, Patcher, write_tree

DOCS = ROOT / "docs"
REFERENCE, TUTORIAL = DOCS / "recipes.md", DOCS / "tutorial.md"
HEAD = "recipe: example\nsummary: An example\n"
VERB = re.compile(rf"^({'|'.join(VERBS)}):", re.MULTILINE)
STEP = "steps:\n  - {id: nothing, why: a recipe has steps, rename: a.b, to: a.c, effect: exact}\n"
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:+]+")


class Page:
    """The examples of one section, run one after the other in one folder."""

    def __init__(self, folder: Path, patcher: Patcher, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.patcher, self.monkeypatch, self.code = folder, patcher, monkeypatch, 0
        monkeypatch.chdir(folder)

    def run(self, section: Section) -> None:
        kinds = {"yaml": self.loads, "diff": self.changes, "console": self.types, "toml": self.offers}
        for block in section.blocks:
            if "file" in block.notes:
                write_tree(self.folder, {block.notes["file"]: block.text})
            else:
                kinds[block.language](block)

    def recipe(self, block: Block) -> None:
        """Write the recipe that a block of YAML is, or is a part of."""
        text = block.text
        if VERB.search(text):
            text = f"- id: example\n  why: it is one\n  effect: exact\n{textwrap.indent(text, '  ')}"
        if text.startswith("- "):
            text = f"steps:\n{textwrap.indent(text, '  ')}"
        head = "" if re.search("^recipe:", text, re.MULTILINE) else HEAD
        tail = "" if re.search("^steps:", text, re.MULTILINE) else STEP
        write_tree(self.folder, {"recipe.yaml": head + text + tail})

    def loads(self, block: Block) -> None:
        self.recipe(block)
        shown = self.patcher("show", ".")
        assert shown.code == 0, f"line {block.line}: {shown.stderr}"

    def changes(self, block: Block) -> None:
        """Run a diff as a case of the recipe above it: as it is written, in every other layout, and twice."""
        before, after = sides(block.text)
        texts = {"same": before} if before == after else {"before": before, "after": after}
        told = {key: block.notes[key] for key in ("refused", "drifted") if key in block.notes}
        case = {"case": "the example", "file": block.notes.get("example", "example.py"), **texts, **told}
        write_tree(self.folder, {"cases/example.yaml": json.dumps([case])})
        tested = self.patcher("test", ".", "--allow-python")
        assert tested.code == 0, f"line {block.line}: {tested.out}{tested.stderr}"

    def types(self, block: Block) -> None:
        """Type the lines behind `$ `, and compare what comes with the lines below each."""
        for command, wanted in _typed(block.text):
            said = self.typed(command)
            assert TIME.sub("TIME", said) == TIME.sub("TIME", wanted), f"line {block.line}: {command}"
            asked = command == "echo $?"
            assert asked or self.code == 0 or f"{command}\n{wanted}$ echo $?" in block.text, f"{command}: {self.code}"

    def typed(self, command: str) -> str:
        if command == "echo $?":
            return f"{self.code}\n"
        words = shlex.split(command, comments=True)
        if words[0] == "patcher" and not {"|", ">", "&&"} & set(words):
            result = self.patcher(*words[1:])
            self.code = result.code
            return result.out + result.stderr
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        self.code = done.returncode
        return done.stdout + done.stderr

    def offers(self, block: Block) -> None:
        """Install a package that offers what the entry points say, and find its recipe by name."""
        for name, package in tomllib.loads(block.text)["project"]["entry-points"]["patcher.recipes"].items():
            parts = package.replace(".", "/")
            text = f"recipe: {name}\nsummary: An example\n{STEP}"
            points = f"[patcher.recipes]\n{name} = {package}\n"
            info = {"METADATA": "Name: example\nVersion: 1\n", "entry_points.txt": points}
            files = {f"{parts}/recipe.yaml": text, f"{package.partition('.')[0]}/__init__.py": ""}
            write_tree(self.folder, {**files, **{f"example-1.dist-info/{file}": text for file, text in info.items()}})
            self.monkeypatch.syspath_prepend(str(self.folder))
            assert self.patcher("show", name).out.startswith(f"{name}: An example")


def _typed(text: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


@pytest.fixture
def page(tmp_path: Path, patcher: Patcher, monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(tmp_path, patcher, monkeypatch)


@pytest.mark.parametrize("section", sections(REFERENCE), ids=lambda section: section.title)
def test_an_example_of_the_reference_does_what_it_says(section: Section, page: Page) -> None:
    page.run(section)


def test_the_tutorial_goes_as_it_says(page: Page) -> None:
    (section,) = sections(TUTORIAL, whole=True)
    page.run(section)


# --- complete -------------------------------------------------------------------------------------------------------


def described(title: str) -> dict[str, str]:
    """Return the rows of the table under a heading of the reference, by the words in their first column."""
    under = REFERENCE.read_text().partition(f"\n{title}\n")[2]
    rows = re.findall(r"^\| (.+?) \| (.*)\|$", re.split(r"^#", under, maxsplit=1, flags=re.MULTILINE)[0], re.MULTILINE)
    return {name: rest for first, rest in rows for name in re.findall("`(.+?)`", first)}


def test_the_reference_has_every_verb_with_its_keys() -> None:
    told = {verb: set(re.findall("`(.+?)`", rest)) for verb, rest in described("## Verbs").items()}
    assert told == {verb: set(kind.KEYS) - {verb} for verb, kind in VERBS.items()}


def test_the_reference_has_every_key_of_a_case() -> None:
    assert set(described("## Cases")) == set(KEYS)


def test_the_reference_has_every_key_of_a_recipe(patcher: Patcher, tmp_path: Path) -> None:
    write_tree(tmp_path, {"recipe.yaml": f"{HEAD}zzz: x\n{STEP}"})
    told = patcher("show", f"{tmp_path}/").stderr
    assert set(described("## A recipe")) == set(re.findall(r"known: (.+)\.", told)[0].split(", "))


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    for path, anchor in re.findall(r"\]\(([\w./]*)#?([\w-]*)\)", page.read_text()):
        target = page.parent / path if path else page
        assert target.is_file(), path
        heads = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}
