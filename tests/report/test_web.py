"""`--format html`: one page that is whole in itself, in which nothing of a tree or a recipe is markup."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from patcher.model import Change, Edit, Layer, Place, Status
from patcher.report.web.chart import charts
from patcher.report.web.code import coloured, html, text_of, words
from patcher.report.web.diff import File, Fold, file_view, hunk_of
from patcher.report.web.page import verdict_page
from patcher.verify.compare import Finding, Verdict, compare
from patcher.verify.golden import Golden
from patcher.verify.session import Checked
from tests.report.reports import CHECK, GOLDEN, HOSTILE, LOSSES, checked, judge, run
from tests.tiny import Tiny, replace, step

ROUND = replace("abs($X)", "round($X)", why="round is better")


INLINE = ("span", "code", "b", "a")


class Outline(HTMLParser):
    """The tags of a page, its ids, and the texts outside of style and script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.texts += [] if tag in INLINE else [" "]

    def handle_data(self, data: str) -> None:
        self.texts += [] if self.tags and self.cdata_elem else [data]

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag == name]

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


def page(tiny: Tiny, *options: str) -> str:
    return tiny.apply("--check", "--format", "html", *options).out


def verified(tmp_path: Path, *found: object) -> str:
    return verdict_page(judge(tmp_path), list(found), {"train": {"torch": "2.1", "machine": "x86_64"}}).decode()  # type: ignore[arg-type]


class TestAPage:
    @pytest.fixture
    def made(self, tiny: Tiny) -> str:
        return page(tiny.one("abs(1)\n").recipe(ROUND))

    def test_names_nothing_that_would_be_fetched(self, made: str) -> None:
        outline = Outline(made)
        links = [attrs[key] or "" for _, attrs in outline.tags for key in ("src", "href", "action") if key in attrs]
        assert links and all(link.startswith(("#", "data:")) for link in links)
        assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|WebSocket", made)

    def test_forbids_all_but_its_own_style_and_script(self, made: str) -> None:
        policy = next(attrs["content"] for attrs in Outline(made).all("meta") if "http-equiv" in attrs) or ""
        assert policy.startswith("default-src 'none';")
        for name in ("style", "script"):
            own = re.search(f"<{name}>(.*?)</{name}>", made, re.DOTALL)
            assert own is not None
            digest = base64.b64encode(hashlib.sha256(own[1].encode()).digest()).decode()
            assert f"{name}-src 'sha256-{digest}'" in policy
        assert not [
            attrs for _, attrs in Outline(made).tags if any(key == "style" or key.startswith("on") for key in attrs)
        ]

    def test_each_id_is_there_once_and_each_link_within_it_leads_somewhere(self, tiny: Tiny) -> None:
        tiny.files({f"{name}.py": "abs(1)\n" * 30 for name in "abc"}).recipe(
            ROUND, replace("len($X)", "int($X)", name="b")
        )
        outline = Outline(page(tiny))
        ids = [attrs["id"] for _, attrs in outline.tags if "id" in attrs]
        assert len(ids) == len(set(ids))
        assert {(attrs["href"] or "")[1:] for attrs in outline.all("a")} <= set(ids)

    def test_is_the_same_for_the_same_plan(self, tiny: Tiny, made: str) -> None:
        assert page(tiny) == made

    def test_says_what_becomes_of_each_step_why_and_what_it_does_to_the_numbers(self, tiny: Tiny) -> None:
        effect = {"changes": "by a little"}
        tiny.one("abs(1)\n").recipe({**ROUND, "effect": effect}, replace("len($X)", "int($X)", name="none"))
        text = Outline(page(tiny)).text
        assert "1 applied 1 absent" in text
        assert "applied swap" in text and "round is better" in text and "changes by a little" in text
        assert "This changes the numbers: swap: by a little." in text
        assert "1 step has nothing to do here" in text

    def test_has_what_drifted_was_refused_is_left_over_or_was_passed_over(self, tiny: Tiny) -> None:
        files = {
            "a.py": "import lib\nlib.Old()\ny = 1  # why\n",
            "README.md": "Use lib.Old here.\n",
            "old.py": "print abs\n",
        }
        tiny.files(files).recipe(
            step("name", rename="lib.Old", to="lib.New"),
            step("out", delete="y = 1", local=["y"]),
            {**ROUND, "expect": "1"},
        )
        text = Outline(page(tiny)).text
        assert "drifted swap Expected 1 place, none found." in text
        assert "Places that were refused a.py:3 out" in text
        assert "Left over README.md:1 it mentions lib.Old" in text
        assert "Passed over old.py" in text
        assert "would be written with --partial; without it nothing is, because a step drifted." in text

    def test_has_the_files_that_are_left_alone(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "old/b.py": "abs(1)\n"}).recipe(ROUND, leave={"old/**": "it is not run"})
        assert "Left alone old/b.py it is not run" in Outline(page(tiny)).text

    def test_a_tree_without_anything_to_do_has_no_changes(self, tiny: Tiny) -> None:
        assert "No file needs a change." in Outline(page(tiny.one("round(1)\n").recipe(ROUND))).text

    def test_after_writing_it_says_what_to_do_next(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND)
        text = Outline(tiny.apply("--format", "html").out).text
        assert "1 file changed was written." in text and f"patcher undo {tiny.tree}" in text
        assert tiny.read() == "round(1)\n"


class TestHostile:
    def test_nothing_of_a_tree_or_a_recipe_is_markup(self, tiny: Tiny) -> None:
        name = "<img src=x onerror=alert(1)>&\"'.py"
        tiny.files({name: f'abs(1)  # {HOSTILE}\nx = """{HOSTILE}"""\n'}).recipe({**ROUND, "why": HOSTILE})
        made = page(tiny)
        outline = Outline(made)
        assert len(outline.all("script")) == 1 and not outline.all("img")
        assert HOSTILE not in made and "&lt;/script&gt;" in made
        assert name in outline.text and HOSTILE in outline.text

    def test_what_turns_the_order_of_letters_is_shown_by_its_number(self, tiny: Tiny) -> None:
        tiny.files({"a\u202eb.py": "abs(1)  # \u202e\u2066 here\n"}).recipe(ROUND)
        made = page(tiny)
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", made)
        assert "&lt;U+202E&gt;&lt;U+2066&gt; here" in made and "a&lt;U+202E&gt;b.py" in made

    def test_a_verdict_is_escaped_too(self, tmp_path: Path) -> None:
        failed = checked().verdict.noting(HOSTILE)
        made = verified(tmp_path, checked(name=HOSTILE), Checked(failed))
        assert HOSTILE not in made and len(Outline(made).all("script")) == 1


class TestVerdict:
    def test_has_the_finding_the_readings_the_ledger_the_attentions_and_the_environment(self, tmp_path: Path) -> None:
        text = Outline(verified(tmp_path, checked((2.5, 2.25, 2.02, 1.75, 1.5)))).text
        assert "train drifted" in text
        assert "loss 3 is 2.02 and should be 2: off by 1.0e-02 of it, and 1.0e-07 is allowed." in text
        assert "loss 5 1.0e-02 3 1e-07" in text
        assert "holds swap exact exact Without it, the numbers are the same to the last bit." in text
        assert "false other" in text and "not judged third" in text
        assert "scale-1 seen loss 1 4.0e-02 400000" in text and "causal-flipped missed no value" in text
        assert "torch 2.1 2.0" in text

    def test_each_drawing_has_a_title_a_description_and_its_numbers(self, tmp_path: Path) -> None:
        outline = Outline(verified(tmp_path, checked()))
        drawings = outline.all("svg")
        assert len({one["aria-labelledby"] for one in drawings}) == 4 and all(
            one["role"] == "img" and one["aria-labelledby"] for one in drawings
        )
        assert "loss, 5 values: the run from 2.5 to 1.5; the golden from 2.5 to 1.5." in outline.text
        assert "The numbers of loss" in outline.text and "5 1.5 1.5 0 1e-07" in outline.text

    def test_a_run_that_failed_shows_its_last_lines(self, tmp_path: Path) -> None:
        failed = Verdict("train", Finding.FAILED, "It ended.", run((), returncode=1, output="ValueError: no room"))
        text = Outline(verified(tmp_path, Checked(failed))).text
        assert "train failed It ended. Its last lines ValueError: no room" in text

    def test_one_that_was_not_run_says_why(self, tmp_path: Path) -> None:
        made = verified(tmp_path, Checked(Verdict("train", Finding.NOT_RUN, "No torch.")))
        assert "train not run No torch." in Outline(made).text


class TestChart:
    def test_the_run_and_the_golden_have_a_point_each_value(self) -> None:
        course, distance = charts(compare(CHECK, run(), GOLDEN))[0]
        assert [len(line.split()) for line in (*course.run, *course.golden)] == [5, 5]
        assert len(course.dots) == len(distance.dots) == len(course.rows) == 5

    def test_the_band_is_what_is_allowed_on_both_sides(self) -> None:
        wide = noisy(0.003)
        course = charts(compare(CHECK, run(), wide))[0][0]
        ys = [float(point.split(",")[1]) for point in course.band[0].split()]
        assert len(ys) == 10 and ys[0] < ys[-1] and not course.thin

    def test_a_band_that_cannot_be_seen_is_told(self) -> None:
        assert charts(compare(CHECK, run(), GOLDEN))[0][0].thin

    def test_what_is_the_same_to_the_last_bit_lies_on_the_ground(self) -> None:
        distance = charts(compare(CHECK, run(), GOLDEN))[0][1]
        assert {y for _, y, _ in distance.dots} == {max(tick.at for tick in distance.up)}
        assert distance.limit is not None and distance.limit < max(tick.at for tick in distance.up)

    def test_what_is_off_by_more_than_allowed_stands_above_the_line(self) -> None:
        distance = charts(compare(CHECK, run((2.5, 2.25, 2.02, 1.75, 1.5)), GOLDEN))[0][1]
        assert distance.limit is not None
        above = [step for step, (_, y, _) in enumerate(distance.dots, 1) if y < distance.limit]
        assert above == [3] and distance.first == distance.dots[2][0]

    @pytest.mark.parametrize("odd", [math.nan, math.inf])
    def test_what_is_no_number_is_a_gap(self, odd: float) -> None:
        course, distance = charts(compare(CHECK, run((2.5, 2.25, odd, 1.75, 1.5)), GOLDEN))[0]
        assert [len(line.split()) for line in course.run] == [2, 2]
        assert distance.dots[2][1] == min(tick.at for tick in distance.up) or distance.dots[2][1] < (
            distance.limit or 0
        )

    def test_a_run_without_a_golden_is_drawn_alone(self) -> None:
        ((course,),) = charts(Verdict("train", Finding.NOT_JUDGED, run=run()))
        assert course.run and not course.golden and not course.band

    @pytest.mark.parametrize("values", [(1.0,), (0.0, 0.0)])
    def test_one_value_and_no_span_are_drawn(self, values: tuple[float, ...]) -> None:
        assert charts(Verdict("train", Finding.NOT_JUDGED, run=run(values)))[0][0].dots


def noisy(noise: float) -> Golden:
    return dataclasses.replace(GOLDEN, noise={"loss": (noise,) * len(LOSSES)})


def view(before: str | bytes | None, after: str | bytes, *edits: tuple[str, Edit], path: str = "a.py") -> File:
    old, new = (text.encode() if isinstance(text, str) else text for text in (before, after))
    layers = tuple(Layer(name, (edit,)) for name, edit in edits)
    return file_view(Change(path, old, new or b"", layers), "f")


class TestDiff:
    LINES = "".join(f"line{number}\n" for number in range(1, 31))

    def test_a_hunk_names_the_steps_that_wrote_it(self) -> None:
        after = self.LINES.replace("line2\n", "two\n").replace("line28\n", "x\n")
        at = self.LINES.index("line28")
        made = view(self.LINES, after, ("one", Edit(6, 11, "two")), ("other", Edit(at - 2, at + 4, "x")))
        assert [(hunk.steps, hunk.lines) for hunk in made.hunks] == [(("one",), (1, 5)), (("other",), (25, 30))]

    def test_what_is_unchanged_between_is_folded(self) -> None:
        after = self.LINES.replace("line2\n", "two\n").replace("line28\n", "x\n")
        made = view(self.LINES, after)
        (fold,) = (part for part in made.parts if isinstance(part, Fold))
        assert fold.count == 19 and fold.block is not None and fold.block.old[0].number == 6
        assert (made.plus, made.minus) == (2, 2)

    def test_a_block_has_what_was_taken_out_and_what_was_put_in(self) -> None:
        (hunk,) = view("a = 1\nb\n", "a = 2\nc = 3\nb\n").hunks
        change, same = hunk.blocks
        assert ([row.number for row in change.old], [row.number for row in change.new]) == ([1], [1, 2])
        assert [(row.number, row.other) for row in same.new] == [(3, 2)]

    def test_a_new_file_shows_its_first_lines_and_folds_the_rest(self) -> None:
        made = view(None, self.LINES * 3)
        (hunk,) = made.hunks
        assert (made.kind, len(hunk.blocks[0].new)) == ("added", 16)
        assert hunk.rest is not None and len(hunk.rest.new) == 74

    def test_a_missing_line_feed_is_told(self) -> None:
        (hunk,) = view("a", "b\n").hunks
        assert [row.whole for row in (*hunk.blocks[0].old, *hunk.blocks[0].new)] == [False, True]

    def test_line_ends_are_shown_where_they_differ(self) -> None:
        assert text_of(b"a\r\nb\r\n") == "a\nb\n"
        assert text_of(b"a\r\nb\n") == "a<U+000D>\nb\n"

    def test_latin_1_is_read(self) -> None:
        assert text_of(b"# caf\xe9\n") == "# caf\u00e9\n"

    def test_an_empty_file_that_is_added(self) -> None:
        assert view(None, "").hunks == ()

    def test_a_place_leads_to_its_hunk(self) -> None:
        made = view(self.LINES, self.LINES.replace("line28\n", "x\n"))
        assert hunk_of(Place("a.py", 28, 1, Status.APPLIED), [made]) == "f-h1"
        assert hunk_of(Place("a.py", 3, 1, Status.ALREADY), [made]) == ""
        assert hunk_of(Place("b.py", 28, 1, Status.APPLIED), [made]) == ""


class TestCode:
    @pytest.mark.parametrize("path", ["a.py", "a.yaml", "a.txt", "Makefile", "nothing", "a.ipynb", "a.toml"])
    @pytest.mark.parametrize("text", ["", "\n", "\n\na\n", "x = '''a\n\nb'''\n", "a", "\tif x:\n\n\n"])
    def test_no_line_is_lost(self, path: str, text: str) -> None:
        assert ["".join(piece for _, piece in line) for line in coloured(text, path)] == text.split("\n")

    def test_words_are_marked_where_lines_are_alike(self) -> None:
        assert words(["x = abs(1)"], ["x = round(1)"]) == ({0: [(4, 7)]}, {0: [(4, 9)]})

    def test_a_line_is_held_beside_the_one_that_is_like_it(self) -> None:
        ours, theirs = words(["set_device(1)"], ["if there:", "    set_device(1)"])
        assert (ours, theirs) == ({0: []}, {1: [(0, 4)]})

    def test_lines_with_little_in_common_are_not_marked(self) -> None:
        assert words(["import os"], ["y = f(x, 3)"]) == ({}, {})

    def test_a_mark_cuts_the_pieces_of_a_line(self) -> None:
        line = (("k", "if"), ("", " abc"))
        assert html(line, [(1, 4)]) == '<span class="k">i</span><span class="k w">f</span><span class="w"> a</span>bc'
