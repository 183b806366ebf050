"""What a case of the recipe language on a real tree is, and the means to say by hand what must come out of it.

An oracle knows nothing of patcher: it is a function of a file's path and text, made of regular expressions that may be
held within what Python's own `ast` finds. What it returns is the whole file as it must be, so that every place and every
byte beside the places is judged.
"""

from __future__ import annotations

import ast
import difflib
import io
import re
import textwrap
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

__all__ = [
    "COMMITS",
    "ONLY",
    "Case",
    "Oracle",
    "lines_of",
    "names",
    "recipe_text",
    "rewrite",
    "sub",
    "touched",
    "within",
]

# Each tree under the name that it has in PATCHER_UPSTREAMS, at the commit of which the cases speak.
COMMITS = {
    "HRM": "42410daaaf6ac8b266536d105a6e2362ffe40929",
    "SEDD": "0605786da5ccb5747545e26d66fdf477187598b6",
    "TRM": "e7b68717f0a6c4cbb4ce6fbef787b14f42083bd9",
    "protein_lig_sedd": "b2af38121a4b4acd53aa3519cd80e332af779a80",
    "EasyContext": "6b0d31047e4e326cbd603f89d57cf8b1db3ff762",
    "FastChat": "0e6d3e4beaab66f4d3f93db72541a4abab8af28d",
    "LongLoRA": "d4eb344c5ccc9e91c0812a2b2aeea69070df8c33",
    "Lumina-T2X": "1c606962f95899da711633ee3a333d21c753e2d9",
    "TinyLlama": "bf122247c486b6b897050e98cbb7bedae8eeba73",
    "atlas": "3bfd454c67d965a9cd2b83364f2b6fa5034e034e",
    "bd3lms": "1c3e8f43d88dfbcee5ff2aa6932a9e74b31ae1d7",
    "contrastors": "613ddfd37309e538cceadb05b1e6423e7b09f603",
    "evo": "6856bba48bd0b212fb10919bdafc34795338e154",
    "flash-linear-attention": "bc3b101dcb713ddc5bd8924b66754eb68b5ccf89",
    "hyena-dna": "d553021b483b82980aa4b868b37ec2d4332e198a",
    "mdlm": "c112c526d193436838c98d81455ee51f90309470",
    "ring-flash-attention": "899628238f2f5bb8c028579c89b7cd56ea451d2a",
    "safari": "02220c69d247e5473616cd053a443ad99fd2559b",
    "stripedhyena": "7e13f618027fea9625be1f2d2d94f9a361f6bd02",
}

# Of a tree whose copy lacks some pictures, what is taken.
ONLY = dict.fromkeys(("FastChat", "evo"), ("*.py", "*.ipynb", "*.toml", "*.yml", "*.md"))

Oracle = Callable[[str, str], str]


@dataclass(frozen=True)
class Case:
    """A recipe on a real tree, and what must become of the tree.

    `steps` are the keys of the steps, divided by lines of `---`; id, why and effect are put in. `become` is the oracle.
    """

    name: str
    tree: str
    steps: str
    become: tuple[Oracle, ...] = ()
    status: Mapping[str, str] | str = "applied"
    refused: tuple[str, ...] = ()  # `path: regular expression of the lines` of the places that are left
    sites: tuple[str, ...] | None = None  # the same, of the places that are changed, where they are not the lines
    added: tuple[str, ...] = ()  # files that come new, as globs
    head: str = ""  # parameters and `leave`
    options: tuple[str, ...] = ()
    beside: Mapping[str, str] = field(default_factory=dict)  # files beside the recipe
    leftovers: tuple[str, ...] = ()  # `path: regular expression`: lines that must be told
    error: str = ""  # a part of the sentence with which the recipe is not taken


def sub(
    paths: str | Iterable[str], pattern: str, new: str | Callable[[re.Match[str]], str], inside: str = ""
) -> Oracle:
    """Return an oracle: a regular expression over the files of some globs, in the function or class `inside` if said."""
    globs = (paths,) if isinstance(paths, str) else tuple(paths)
    regex = re.compile(pattern, re.MULTILINE)

    def become(path: str, text: str) -> str:
        if not any(fnmatchcase(path, one) for one in globs):
            return text
        start, end = within(text, inside) if inside else (0, len(text))
        return text[:start] + regex.sub(new, text[start:end]) + text[end:]

    return become


def rewrite(paths: str, change: Callable[[ast.Module, list[str]], None]) -> Oracle:
    """Return an oracle that changes the lines of files, as a function says that sees their syntax tree."""

    def become(path: str, text: str) -> str:
        if not fnmatchcase(path, paths):
            return text
        lines = text.splitlines(keepends=True)
        change(ast.parse(text), lines)
        return "".join(lines)

    return become


def names(paths: str | Iterable[str], old: str, new: str) -> Oracle:
    """Return an oracle: a name becomes another wherever Python's tokenizer sees it, so in no string and no comment."""
    globs = (paths,) if isinstance(paths, str) else tuple(paths)

    def become(path: str, text: str) -> str:
        if not any(fnmatchcase(path, one) for one in globs):
            return text
        lines = text.splitlines(keepends=True)
        for token in reversed(list(tokenize.generate_tokens(io.StringIO(text).readline))):
            if token.type == tokenize.NAME and token.string == old:
                line = lines[token.start[0] - 1]
                lines[token.start[0] - 1] = line[: token.start[1]] + new + line[token.end[1] :]
        return "".join(lines)

    return become


def within(text: str, qualname: str) -> tuple[int, int]:
    """Return where a function or class begins and ends, its decorators left out."""
    node: ast.AST = ast.parse(text)
    for part in qualname.split("."):
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        node = next(one for one in ast.walk(node) if isinstance(one, kinds) and one.name == part)
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    assert isinstance(node, ast.stmt) and node.end_lineno
    return starts[node.lineno - 1], starts[node.end_lineno] if node.end_lineno < len(starts) else len(text)


def lines_of(files: Mapping[str, str], told: Iterable[str]) -> set[str]:
    """Return the lines that `path: regular expression` speak of, as path:line."""
    found: set[str] = set()
    for one in told:
        glob, _, pattern = one.partition(": ")
        places = {
            f"{path}:{number}"
            for path, text in files.items()
            if fnmatchcase(path, glob)
            for number, line in enumerate(text.split("\n"), 1)
            if re.search(pattern, line)
        }
        assert places, f"the oracle is wrong: no line is `{one}`"
        found |= places
    return found


def touched(path: str, before: str, after: str) -> Iterator[str]:
    """Yield the lines of a file that become others, as path:line; of what is put in, the line behind it."""
    lines = before.split("\n"), after.split("\n")
    for kind, start, end, _, _ in difflib.SequenceMatcher(None, *lines, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from (f"{path}:{number}" for number in range(start + 1, max(end, start + 1) + 1))


def recipe_text(case: Case) -> str:
    """Return the recipe of a case."""
    text = f"recipe: tried\nsummary: Tried on a real tree\n{textwrap.dedent(case.head)}steps:\n"
    for number, keys in enumerate(re.split(r"^ *---\n", textwrap.dedent(case.steps).strip("\n") + "\n", flags=re.M), 1):
        given = {line.partition(":")[0] for line in keys.splitlines()}
        usual = {"id": f"s{number}", "why": "it is tried", "effect": "exact"}
        lines = [f"{key}: {value}" for key, value in usual.items() if "use" not in given and key not in given]
        text += "".join(
            f"  {'- ' if at == 0 else '  '}{line}\n" for at, line in enumerate([*lines, *keys.splitlines()])
        )
    return text
