"""What a question is about, as a person sees it in a terminal: why, what it does to the numbers, and the lines.

Nothing of a tree reaches the terminal as it is: control characters are shown by their code point.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text

from patcher.model import EffectKind, Step
from patcher.review import Question, Section, sections

__all__ = ["EFFECTS", "harmless", "show"]

CONTEXT = 3
UNFINISHED = "\\ No newline at end of file"
LARGEST = 400_000  # what is coloured; more would take longer than a person waits
EFFECTS = {
    EffectKind.ENABLES: "nothing runs without it",
    EffectKind.EXACT: "the numbers stay",
    EffectKind.CHANGES: "the numbers change",
    EffectKind.UNREACHED: "no check runs its lines",
}


def show(question: Question, head: str, console: Console) -> None:
    """Print a question: its steps, and what they do."""
    for number, step in enumerate(question.steps):
        console.print(
            Text(f"{head if not number else ' ' * len(head)} {harmless(step.id)}", style="bold"), soft_wrap=True
        )
        console.print(Padding(_about(step), (0, 0, 0, len(head) + 1)), highlight=False)
    for section in sections(question):
        for line in _lines(section, console):
            console.print(line, soft_wrap=True, highlight=False)
    for path, data in {path: data for hunk in question.hunks for path, data in hunk.files.items()}.items():
        count = data.count(b"\n")
        console.print(
            Text(f"and adds {harmless(path)} ({count} lines)", style="green"), soft_wrap=True, highlight=False
        )


def _about(step: Step) -> Text:
    effect = f"{step.effect.kind.value}: {step.effect.detail or EFFECTS[step.effect.kind]}"
    return Text.assemble((harmless(step.why), "dim"), "\n", (f"effect: {harmless(effect)}", "dim"))


def _lines(section: Section, console: Console) -> Iterator[Text]:
    texts = [_shown(data) for data in (section.before, section.after())]
    coloured = [_coloured(text, section.path, console) for text in texts]
    before, after = (text.split("\n") for text in texts)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        yield Text(_place(section, group[0][1], group[-1][2]), style="cyan")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (_marked(" ", line, "") for line in coloured[0][i1:i2])
                continue
            yield from (_marked("-", line, "red") for line in coloured[0][i1:i2])
            yield from (_marked("+", line, "green") for line in coloured[1][j1:j2])


def _place(section: Section, first: int, last: int) -> str:
    """Return which places of a file stand in some lines, as the file has them on disk."""
    lines = [
        str(hunk.line)
        for hunk in section.hunks
        if hunk.edits and first <= hunk.text.count(b"\n", 0, hunk.edits[0].start) < last
    ]
    return f"--- {harmless(section.path)}{':' if lines else ''}{', '.join(dict.fromkeys(lines))}"


def _marked(mark: str, line: Text, style: str) -> Text:
    return Text.assemble((mark, f"bold {style}".strip()), line, tab_size=8)


def _shown(data: bytes) -> str:
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    whole = text.removesuffix("\n") if text.endswith("\n") else text + f"\n{UNFINISHED}" * bool(text)
    return harmless(whole, keep="\n\t")


def harmless(text: str, keep: str = "") -> str:
    """Return a text in which what would steer a terminal, or turn the order of the letters, is shown by its number."""
    return "".join(
        char
        if char in keep or unicodedata.category(char) not in ("Cc", "Cf", "Zl", "Zp", "Cs")
        else f"<U+{ord(char):04X}>"
        for char in text
    )


def _coloured(text: str, path: str, console: Console) -> Sequence[Text]:
    if console.no_color or console.color_system is None or len(text) > LARGEST:
        return [Text(line) for line in text.split("\n")]
    lexer = "python" if path.endswith(".ipynb") else Syntax.guess_lexer(path)
    highlighted = Syntax(text, lexer, theme="ansi_dark").highlight(text)
    lines = list(highlighted.split("\n", allow_blank=True))
    return lines if len(lines) >= text.count("\n") + 1 else [Text(line) for line in text.split("\n")]
