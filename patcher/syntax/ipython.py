"""What only IPython reads in a cell, stood in for by Python of the same length, so that the rest of the cell is seen.

A cell that is Python is taken as it is; only in one that is none are commands looked for, where IPython itself looks
for them: at the beginning of a logical line, behind the `=` of an assignment, and as a `?` at a line's end. What stands
in a string or in brackets is never a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from patcher.errors import TargetError
from patcher.syntax.parsing import parse

__all__ = ["Passage", "Reading", "readable"]

# Cell magics that run the rest of the cell as Python of the notebook.
PYTHON = frozenset({"time", "timeit", "capture", "prun"})
# Magics of which what stands behind the name, or in the cell, is no Python of the notebook.
FOREIGN = frozenset({
    "!", "bash", "cmd", "conda", "cd", "file", "html", "HTML", "javascript", "js", "latex", "ls", "mamba", "markdown",
    "micromamba", "perl", "pip", "pypy", "python", "python2", "python3", "ruby", "script", "sh", "svg", "SVG", "sx",
    "system", "uv", "writefile",
})  # fmt: skip

SHOWN = 60

CELL_MAGIC = re.compile(r"\s*%%(!|\w*)[^\n]*\n?")
NAME = re.compile(r"[%,;/ \t]*(!|\w*)")
WORD = re.compile(r"[^\W\d]\w*")
# What IPython fills into a line for a shell: `$name` and `{expression}`.
FILLED = re.compile(r"\$\{?(\w+)|\{([^{}]*)\}")
# A physical line, with those that backslashes join to it.
JOINED = re.compile(r"(?:[^\n]*\\\r?\n)*[^\n]*")
ESCAPES = tuple("%!?,;/")
ASSIGNED = re.compile(r"!|%[^\W\d]")
ASKED = re.compile(r"[^\n]*[\w*\]]\?\??\s*")
# A line for the shell that IPython takes without a sign in front.
PLAIN = re.compile(r"\w+([ \t]+[-\w./][^=(]*)?")
INDENT = re.compile(r"[ \t]*")
TOKEN = re.compile(
    r"""(?P<string>'''(?:\\.|[^\\])*?(?:'''|\Z)|\"\"\"(?:\\.|[^\\])*?(?:\"\"\"|\Z)
        |'(?:\\.|[^\\\n'])*'?|"(?:\\.|[^\\\n"])*"?)
      |(?P<comment>\#[^\n]*)
      |(?P<open>[(\[{])|(?P<close>[)\]}])
      |(?P<operator>\*\*=|//=|<<=|>>=|[-+*/%@&|^<>=!:]=)
      |(?P<assign>=[ \t]*)
      |(?P<end>\n)
      |\w+|\\\r?\n|.""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Passage:
    """What no step sees, as the cell has it: a command, or (`whole`) a cell that is no Python.

    `behind` is where the next code begins; `names` are those of the notebook that it may read.
    """

    start: int
    end: int
    behind: int
    text: str
    names: frozenset[str]
    whole: bool = False

    @property
    def told(self) -> bool:
        """Whether a person must look at it where a step's words stand in it; a line for a shell is nobody's Python."""
        return self.whole or not _is_foreign(self.text)

    @property
    def reason(self) -> str:
        """Why no step sees it, and what to do."""
        first = self.text.strip().partition("\n")[0]
        first = first if len(first) <= SHOWN else f"{first[: SHOWN - 1]}…"
        if self.whole and first.startswith("%%"):
            return f"begins a cell that no step sees (`{first}`); change it by hand where it must follow."
        if self.whole:
            return f"begins a cell that is no Python (`{first}`); mend the cell, or change it by hand."
        return f"is read by IPython alone (`{first}`); change it by hand where it must follow."


@dataclass(frozen=True, slots=True)
class Reading:
    """A cell as Python of the same length, and what in it is none."""

    text: str
    passages: tuple[Passage, ...] = ()


@lru_cache(maxsize=4096)
def readable(code: str) -> Reading:
    """Return a cell as a program; one that is no Python, not even without its commands, becomes comments."""
    return _reading(code) or Reading(re.sub(r"[^\n]", "#", code), (_whole(code),))


def _reading(code: str) -> Reading | None:
    if _is_python(code):
        return Reading(code)
    magic = CELL_MAGIC.match(code)
    if magic is not None:
        return _under_magic(code, magic.end()) if magic[1] in PYTHON else None
    commands = list(_commands(code))
    for deeper in (False, True):
        text = _stood_in(code, commands, deeper=deeper)
        if commands and _is_python(text):
            return Reading(text, tuple(_passage(code, start, end) for start, end, _ in commands))
    return None


def _is_python(code: str) -> bool:
    """Tell whether LibCST reads some code, and gives it back as it is."""
    text = code if code.endswith("\n") else f"{code}\n"
    try:
        return parse("<cell>", text.encode(), "utf-8").code == text
    except (TargetError, UnicodeError, RecursionError):
        return False


def _under_magic(code: str, end: int) -> Reading | None:
    """Return a cell of which a magic runs all lines but the first."""
    rest = _reading(code[end:])
    if rest is None:
        return None
    start = len(code) - len(code.lstrip())
    line = code[start:end].rstrip("\r\n")
    first = Passage(start, start + len(line), end, line, _read(line))
    moved = (replace(one, start=one.start + end, end=one.end + end, behind=one.behind + end) for one in rest.passages)
    return Reading(code[:start] + _comment(code[start:end]) + rest.text, (first, *moved))


def _passage(code: str, start: int, end: int) -> Passage:
    line_end = code.find("\n", end)
    return Passage(start, end, len(code) if line_end < 0 else line_end + 1, code[start:end], _read(code[start:end]))


def _whole(code: str) -> Passage:
    text = code.strip()
    first, _, rest = text.partition("\n")
    plain = not rest and _name(first) in FOREIGN and PLAIN.fullmatch(first)
    names = _filled(first) if plain or _is_foreign(first) else _read(text)
    return Passage(0, len(code), len(code), code, names, whole=True)


# --- commands -------------------------------------------------------------------------------------------------------


def _commands(code: str) -> Iterator[tuple[int, int, str]]:
    """Yield start and end of each command, and what stands in for it: a statement, an expression or a comment."""
    position = 0
    while position < len(code):
        start = _end(INDENT, code, position)
        kind = "statement" if start > position else "comment"
        if code[start : start + 1] in ESCAPES and code[start : start + 2] != "%%":
            position = _end(JOINED, code, start)
        else:
            assigned, position, last = _logical_line(code, start)
            if assigned is not None:
                start, kind, position = assigned, "expression", _end(JOINED, code, assigned)
            elif last != "?" or not ASKED.fullmatch(code[start:position]):
                kind = ""
        if kind:
            yield start, start + len(code[start:position].rstrip()), kind
        position += 1


def _logical_line(code: str, position: int) -> tuple[int | None, int, str]:
    """Return where a command is assigned in a logical line, or None, where the line ends, and its last sign."""
    depth, assigned, last = 0, False, ""
    while position < len(code):
        token = TOKEN.match(code, position)
        assert token is not None
        depth += {"open": 1, "close": -1}.get(token.lastgroup or "", 0)
        if token.lastgroup == "end" and depth <= 0:
            break
        position = token.end()
        last = token[0].strip() or last
        if token.lastgroup == "assign" and depth == 0 and not assigned:
            assigned = True
            if ASSIGNED.match(code, position):
                return position, position, last
    return None, position, last


def _end(pattern: re.Pattern[str], code: str, position: int) -> int:
    found = pattern.match(code, position)
    assert found is not None
    return found.end()


# --- what stands in -------------------------------------------------------------------------------------------------


def _stood_in(code: str, commands: list[tuple[int, int, str]], *, deeper: bool) -> str:
    """Return the code without its commands; `deeper`: those in blocks are statements, for blocks of nothing else."""
    parts: list[str] = []
    position = 0
    for start, end, kind in commands:
        statement = kind == "expression" or (deeper and kind == "statement")
        parts += (code[position:start], _value(code[start:end]) if statement else _comment(code[start:end]))
        position = end
    return "".join((*parts, code[position:]))


def _value(text: str) -> str:
    """Return a command as an expression that nobody looks for."""
    return "0" if len(text) < 2 else "0j" + _comment(text[2:])


def _comment(text: str) -> str:
    """Return each line of a command as a comment, with nothing in it that ends a line for LibCST alone."""
    lines = (re.sub(r"\r(?!\Z)|[\x0b\x0c]", " ", line) for line in text.split("\n"))
    return "\n".join(f"#{line[1:]}" if line.strip() else line for line in lines)


# --- what a command reads -------------------------------------------------------------------------------------------


def _name(command: str) -> str:
    """Return the name of a magic, or what else a line begins with."""
    found = NAME.match(command)
    return found[1] if found else ""


def _is_foreign(command: str) -> bool:
    return command.startswith(("%", "!")) and _name(command) in FOREIGN


def _read(command: str) -> frozenset[str]:
    """Return the names of the notebook that a command may read."""
    words = WORD.findall(command)
    return _filled(command) if _is_foreign(command) else frozenset(words[command.startswith("%") :])


def _filled(command: str) -> frozenset[str]:
    found = (part for one in FILLED.finditer(command) for part in one.groups() if part)
    return frozenset(WORD.findall(" ".join(found)))
