"""`--format markdown`: a comment that GitHub takes, in which nothing of a tree or a recipe is markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from patcher.report.hunks import harmless
from patcher.report.markdown import LIMIT, _code, _text, verdict_markdown
from patcher.verify.compare import Finding, Verdict
from patcher.verify.session import Checked
from tests.report.reports import HOSTILE, checked, judge
from tests.tiny import Tiny, replace, step

ROUND = replace("abs($X)", "round($X)", why="round is better")


def markdown(tiny: Tiny, *options: str) -> str:
    return tiny.apply("--check", "--format", "markdown", *options).out


class TestAPlan:
    def test_a_row_for_each_step_with_its_outcome_why_effect_and_places(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nabs(2)\n").recipe({**ROUND, "effect": {"changes": "by a little"}})
        assert markdown(tiny).splitlines()[2:8] == [
            "1 applied. 1 file changed would be written.",
            "",
            "> This changes the numbers: swap: by a little.",
            "",
            "| step | outcome | why | effect | places |",
            "|---|---|---|---|---|",
        ]
        assert "| `swap` | ✅ applied | round is better | changes: by a little | `a.py:1`, `a.py:2` |\n" in markdown(
            tiny
        )

    def test_the_patch_of_each_file_is_folded(self, tiny: Tiny) -> None:
        told = markdown(tiny.one("abs(1)\n").recipe(ROUND))
        assert "<details><summary><code>a.py</code> (changed)</summary>\n\n```diff\ndiff --git a/a.py b/a.py\n" in told
        assert "-abs(1)\n+round(1)\n```\n\n</details>\n" in told

    def test_steps_with_nothing_to_do_are_folded(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND, replace("len($X)", "int($X)", name="none"))
        assert "<details><summary>1 step with nothing to do here</summary>\n\n- `none`: because\n" in markdown(tiny)

    def test_what_is_to_be_looked_at(self, tiny: Tiny) -> None:
        files = {
            "a.py": "import lib\nlib.Old()\ny = 1  # why\n",
            "README.md": "Use lib.Old here.\n",
            "o.py": "print abs\n",
        }
        steps = (step("name", rename="lib.Old", to="lib.New"), step("out", delete="y = 1", local=["y"]), ROUND)
        told = markdown(tiny.files({**files, "v/b.py": "1\n"}).recipe(*steps, leave={"v/**": "it is not run"}))
        assert "- `a.py:3` refused by out: the comment \\`# why\\` would be lost;" in told
        assert "- `README.md:1` left over: it mentions lib.Old\n" in told
        assert "- o.py:1 does not parse as Python 3" in told
        assert "<summary>1 file left alone</summary>\n\n- `v/b.py`: it is not run\n" in told

    def test_a_drifted_step_is_told_and_what_it_holds_back(self, tiny: Tiny) -> None:
        told = markdown(tiny.one("abs(1)\n").recipe(ROUND, replace("len($X)", "int($X)", name="other", expect="1")))
        assert "| `other` | ❌ drifted | because Expected 1 place, none found." in told
        assert "with --partial; without it nothing is, because a step drifted." in told

    def test_nothing_to_do(self, tiny: Tiny) -> None:
        assert "1 already. No file needs a change." in markdown(tiny.one("round(1)\n").recipe(ROUND))


class TestEscaped:
    @pytest.mark.parametrize(
        ("why", "told"),
        [
            ("<b> & </details>", "&lt;b&gt; &amp; &lt;/details&gt;"),
            ("a | b", "a \\| b"),
            ("`code` *bold* _it_ a_b", "\\`code\\` \\*bold\\* \\_it\\_ a_b"),
            ("[a](b)", "\\[a\\](b)"),
            ("ask @who in #12", "ask @<!-- -->who in #<!-- -->12"),
            ("see https://x.example", "see https:<!-- -->//x.example"),
            ("costs $1 or $2", "costs <span>$</span>1 or <span>$</span>2"),
            ("two\nlines", "two lines"),
            ("turned \u202e round", "turned &lt;U+202E&gt; round"),
            ("torch.load(f)", "torch.load(f)"),
        ],
    )
    def test_a_reason(self, tiny: Tiny, why: str, told: str) -> None:
        assert f"| ✅ applied | {told} | exact |" in markdown(tiny.one("abs(1)\n").recipe({**ROUND, "why": why}))

    def test_a_path(self, tiny: Tiny) -> None:
        told = markdown(tiny.files({"a|`<b>*@x.py": "abs(1)\n"}).recipe(ROUND))
        assert "<code>a&#124;&#96;&#60;b&#62;&#42;&#64;x.py</code> (changed)" in told

    def test_no_fence_of_a_file_ends_the_patch(self, tiny: Tiny) -> None:
        told = markdown(tiny.one(f'abs(1)\n"""\n````\n{HOSTILE}\n"""\n').recipe(ROUND))
        assert "\n`````diff\n" in told and told.count("\n`````\n") == 1


class Text(HTMLParser):
    """What is read of rendered Markdown: its text, and the tags that it has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.tags: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.parts).split())


GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
SIGNS = st.text(alphabet=st.sampled_from("ab1. _*`~#|<>[]()!&;@$:/-+=\\{}\n\t"), max_size=24)


class TestRendered:
    @settings(deadline=None)
    @given(SIGNS | st.text(max_size=24))
    def test_a_cell_reads_as_it_was_written(self, text: str) -> None:
        read = Text(GITHUB.render(f"| a |\n|---|\n| x {_text(text)} y |\n"))
        assert read.text == " ".join(f"a x {harmless(text, keep=chr(10) + chr(9))} y".split())
        assert set(read.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "span"}

    @settings(deadline=None)
    @given(SIGNS | st.text(max_size=24))
    def test_code_reads_as_it_was_written(self, text: str) -> None:
        read = Text(GITHUB.render(f"| a |\n|---|\n| x {_code(text)} y |\n"))
        assert read.text == " ".join(f"a x {harmless(text)} y".split())
        assert set(read.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}

    def test_a_hostile_tree_and_recipe(self, tiny: Tiny) -> None:
        name = "</summary><img src=x>.py".replace("/", "")
        text = f'abs(1)  # {HOSTILE}\n"""\n```\n</details>\n"""\n'
        tiny.files({name: text}).recipe({**ROUND, "why": HOSTILE})
        read = Text(GITHUB.render(markdown(tiny)))
        assert not {"script", "img"} & set(read.tags)
        assert HOSTILE in read.text and name in read.text
        assert read.tags.count("details") == 1


class TestLength:
    def test_a_long_file_is_cut_and_how_much_is_told(self, tiny: Tiny) -> None:
        told = markdown(tiny.one("abs(1)\n" * 3000).recipe(ROUND))
        assert len(told.encode()) < 40_000
        assert re.search(r"```\n\nand \d{4} more lines, too long for a comment\n\n</details>", told)

    def test_it_is_never_longer_than_github_takes(self, tiny: Tiny) -> None:
        tiny.files({f"file{number}.py": f"abs('{'ä' * 500}')\n" * 20 for number in range(40)}).recipe(ROUND)
        told = markdown(tiny)
        assert len(told.encode()) <= LIMIT
        assert re.search(r"\d+ more parts of this report are left out, because a comment takes no more;", told)
        assert told.count("<details>") == told.count("</details>")


class TestVerdicts:
    def test_a_row_for_each_check_and_its_tables(self, tmp_path: Path) -> None:
        told = verdict_markdown(judge(tmp_path), [checked((2.5, 2.25, 2.02, 1.75, 1.5))])
        assert "| `train` | drifted | loss 3 is 2.02 and should be 2: off by 1.0e-02 of it," in told
        assert "<summary>train&#58; readings</summary>\n\n| reading | values | off by at most | at | allowed |" in told
        assert "| `loss` | 5 | 1.0e-02 | 3 | 1e-07 |" in told
        assert "| `other` | ❌ false | exact | changes | Without it, loss 2 is off by 1e-3. |" in told
        assert "| `scale-1` | seen | loss 1, off by 4.0e-02, 400000 times what is allowed |" in told

    def test_one_that_was_not_run(self, tmp_path: Path) -> None:
        told = verdict_markdown(judge(tmp_path), [Checked(Verdict("train", Finding.NOT_RUN, HOSTILE))])
        assert "| `train` | not run | &lt;/script&gt;" in told and "<script" not in told
