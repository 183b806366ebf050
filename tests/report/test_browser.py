"""The page as a person has it: opened from disk in a headless Chromium, with each interaction."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright import sync_api

from patcher.report.web.page import verdict_page
from tests.report.reports import HOSTILE, checked, judge
from tests.tiny import Tiny, replace

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; `make browser` installs one"),
]

ROUND = replace("abs($X)", "round($X)", why="round is better")
INT = replace("len($X)", "int($X)", name="next", why="int is better")
FILES = {
    "a.py": "abs(1)\n" + "# far\n" * 30 + "y = len(2)\n",
    "b.py": "abs(3)\n",
    f"{HOSTILE.replace('/', '')}.py": f"abs(1)  # {HOSTILE}\n",
}
WIDTHS = (390, 820, 1400)


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with pytest.importorskip("playwright.sync_api").sync_playwright() as playing:
        made = playing.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


class Opened:
    """A page in the browser, and what it asked for and complained of."""

    def __init__(self, browser: sync_api.Browser, file: Path, **options: object) -> None:
        given = {"viewport": {"width": 1400, "height": 900}, "reduced_motion": "reduce", **options}
        self.page = browser.new_context(**given).new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(file.as_uri())

    def hunks(self) -> list[str]:
        """The steps of the hunks that are shown."""
        return [hunk.get_attribute("data-steps") for hunk in self.page.locator(".hunk:visible").all()]

    def focused(self) -> str:
        return self.page.evaluate("document.activeElement.id")

    def style(self, where: str, name: str) -> str:
        return self.page.locator(where).first.evaluate("(one, name) => getComputedStyle(one)[name]", name)


@pytest.fixture
def report(tiny: Tiny) -> Path:
    tiny.files(FILES).recipe({**ROUND, "why": HOSTILE}, INT)
    tiny.apply("--check", "--format", "html", "--output", str(tiny.folder / "report.html"))
    return tiny.folder / "report.html"


@pytest.fixture
def opened(browser: sync_api.Browser, report: Path) -> Opened:
    return Opened(browser, report)


@pytest.fixture
def verdict(tmp_path: Path) -> Path:
    environment = {"train": {"torch": "2.1"}}
    (tmp_path / "verdict.html").write_bytes(verdict_page(judge(tmp_path), [checked(name=HOSTILE)], environment))
    return tmp_path / "verdict.html"


def test_nothing_is_asked_for_nothing_runs_and_nothing_is_complained_of(opened: Opened, report: Path) -> None:
    assert opened.asked == [report.as_uri()]
    assert opened.complaints == []
    assert opened.page.title() != "owned" and opened.page.locator("main img, main script").count() == 0
    assert HOSTILE in opened.page.locator(".why").first.inner_text()


def test_a_request_is_forbidden_by_the_page_itself(opened: Opened) -> None:
    script = "new Promise(done => { const i = new Image(); i.onload = () => done('loaded'); i.onerror = () => done('no'); i.src = 'https://localhost/x.png'; })"
    assert opened.page.evaluate(script) == "no"
    assert any("Content Security Policy" in line for line in opened.complaints)


def test_the_keys_lead_from_hunk_to_hunk(opened: Opened) -> None:
    seen = []
    for key in "jnjjjkp":
        opened.page.keyboard.press(key)
        seen.append(opened.focused())
    ring = "getComputedStyle(document.activeElement, '::after').borderTopWidth"
    assert opened.page.evaluate(ring) == "2px", "where the keys have led to is seen"
    assert seen == ["f0-0-h1", "f0-1-h1", "f0-1-h2", "f0-2-h1", "f0-2-h1", "f0-1-h2", "f0-1-h1"]


def test_a_filter_by_step_and_by_file_shows_what_fits(opened: Opened) -> None:
    assert opened.hunks() == ["swap", "swap", "next", "swap"]
    opened.page.select_option("#by-step", "next")
    assert opened.hunks() == ["next"] and opened.page.inner_text("#shown") == "1 of 4 changes"
    opened.page.select_option("#by-file", "b.py")
    assert opened.hunks() == [] and opened.page.is_visible(".changes .none")
    opened.page.locator("#main").focus()
    opened.page.keyboard.press("x")
    assert len(opened.hunks()) == 4 and not opened.page.is_visible(".changes .none")


def test_a_step_shows_its_own_changes_alone(opened: Opened) -> None:
    opened.page.click("[data-only=next]")
    assert (opened.hunks(), opened.focused()) == (["next"], "f0-1-h2")


def test_the_keys_pass_over_what_is_filtered_out(opened: Opened) -> None:
    opened.page.select_option("#by-step", "next")
    opened.page.locator("#main").focus()
    for key in "jj":
        opened.page.keyboard.press(key)
    assert opened.focused() == "f0-1-h2"


def test_files_and_what_is_unchanged_are_folded(opened: Opened) -> None:
    fold = opened.page.locator("details.fold").first
    assert "unchanged" in fold.locator("summary").inner_text() and fold.get_attribute("open") is None
    fold.locator("summary").click()
    assert fold.locator(".l:visible").count() > 0
    for key in "jf":
        opened.page.keyboard.press(key)
    assert len(opened.hunks()) == 3
    opened.page.keyboard.press("a")
    assert opened.hunks() == [] and opened.page.inner_text("#fold") == "Unfold all"
    opened.page.keyboard.press("j")
    assert len(opened.hunks()) >= 1, "a key unfolds the file that it leads to"


def test_side_by_side_and_unified(opened: Opened) -> None:
    def beside() -> bool:
        old, new = (opened.page.locator(f"#f0-2-h1 .{kind}").first.bounding_box() for kind in ("del", "add"))
        assert old is not None and new is not None
        return old["y"] == new["y"] and old["x"] < new["x"]

    assert beside()
    opened.page.keyboard.press("u")
    assert not beside() and opened.page.get_attribute("#view", "aria-pressed") == "true"
    opened.page.click("#view")
    assert beside()
    opened.page.set_viewport_size({"width": 700, "height": 900})
    assert not beside()


def test_the_theme_is_the_systems_until_it_is_chosen(browser: sync_api.Browser, report: Path) -> None:
    light, dark = (Opened(browser, report, color_scheme=scheme) for scheme in ("light", "dark"))
    paper, night = (one.style("body", "backgroundColor") for one in (light, dark))
    assert paper != night
    dark.page.click("#theme")
    assert dark.style("body", "backgroundColor") == paper
    dark.page.keyboard.press("t")
    assert dark.style("body", "backgroundColor") == night
    assert dark.page.get_attribute("#theme", "aria-label") == "Theme: dark"


def test_help_opens_and_closes_by_key(opened: Opened) -> None:
    opened.page.keyboard.press("?")
    assert opened.page.is_visible("#keys") and "the next change" in opened.page.inner_text("#keys")
    opened.page.keyboard.press("j")
    assert not opened.focused().startswith("f0-"), "keys of the page wait while help is open"
    opened.page.keyboard.press("Escape")
    assert not opened.page.is_visible("#keys")


def test_a_place_leads_to_its_hunk_also_where_it_is_filtered_out_or_folded(opened: Opened) -> None:
    opened.page.select_option("#by-step", "swap")
    opened.page.locator("#main").focus()
    opened.page.keyboard.press("a")
    opened.page.click("text=a.py:32")
    assert opened.focused() == "f0-1-h2" and opened.page.locator("#f0-1-h2").is_visible()


def test_everything_is_there_without_javascript(browser: sync_api.Browser, report: Path) -> None:
    plain = Opened(browser, report, java_script_enabled=False)
    assert plain.page.locator(".hunk:visible").count() == 4
    assert not plain.page.is_visible(".bar") and plain.page.locator("button.only:visible").count() == 0
    plain.page.locator("details.fold summary").first.click()
    assert plain.page.locator("details.fold .l:visible").count() > 0


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("which", ["report", "verdict"])
def test_nothing_is_wider_than_the_window(
    browser: sync_api.Browser, width: int, which: str, request: pytest.FixtureRequest
) -> None:
    shown = Opened(browser, request.getfixturevalue(which), viewport={"width": width, "height": 800})
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["report", "verdict"])
def test_every_text_is_readable_on_its_ground(
    browser: sync_api.Browser, scheme: str, which: str, request: pytest.FixtureRequest
) -> None:
    shown = Opened(browser, request.getfixturevalue(which), color_scheme=scheme)
    assert shown.page.evaluate(CONTRAST) == []


# Texts with less contrast than WCAG AA asks for; colours are painted on a canvas to be read as they are seen.
CONTRAST = """() => {
  const ink = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => { ink.clearRect(0, 0, 1, 1); ink.fillStyle = colour; ink.fillRect(0, 0, 1, 1); return [...ink.getImageData(0, 0, 1, 1).data]; };
  const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255, v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)); return .2126 * r + .7152 * g + .0722 * b; };
  const ground = (one) => { for (let at = one; at; at = at.parentElement) { const c = rgba(getComputedStyle(at).backgroundColor); if (c[3] === 255) return c.slice(0, 3); } return [255, 255, 255]; };
  const found = new Set();
  for (const one of document.querySelectorAll("body *:not(svg *)")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !one.checkVisibility() || one.closest(".unseen, .skip")) continue;
    const [a, b] = [light(rgba(getComputedStyle(one).color).slice(0, 3)), light(ground(one))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) found.add(`${one.tagName}.${one.className}: ${((a + .05) / (b + .05)).toFixed(2)}`);
  }
  return [...found];
}"""


def test_a_reader_has_landmarks_and_headings_in_order(opened: Opened) -> None:
    for role in ("main", "banner", "contentinfo", "toolbar"):
        assert opened.page.get_by_role(role).count() == 1, role
    levels = opened.page.evaluate("[...document.querySelectorAll('main h2, main h3, h1')].map(h => +h.tagName[1])")
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
    assert opened.page.get_by_role("group", name="b.py, lines 1 to 1, by swap").count() == 1
    unnamed = "[...document.querySelectorAll('button, select, a, summary')].filter(one => !(one.ariaLabel || one.innerText || one.labels?.length || one.textContent.trim())).length"
    assert opened.page.evaluate(unnamed) == 0


def test_all_is_reached_by_the_tabulator(opened: Opened) -> None:
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.className") == "skip"
    seen = set()
    for _ in range(40):
        opened.page.keyboard.press("Tab")
        seen.add(opened.focused() or opened.page.evaluate("document.activeElement.tagName"))
    assert {"by-step", "by-file", "prev", "next", "view", "fold", "theme", "help", "SUMMARY", "A"} <= seen


def test_in_print_the_tools_are_gone_and_folded_changes_are_there(opened: Opened) -> None:
    opened.page.keyboard.press("a")
    assert opened.hunks() == []
    opened.page.emulate_media(media="print", color_scheme="dark")
    assert not opened.page.is_visible(".bar") and len(opened.hunks()) == 4
    assert opened.style("body", "backgroundColor") == "rgb(255, 255, 255)"
    assert opened.page.pdf()[:5] == b"%PDF-"


def test_a_verdict_has_its_drawings_with_names_and_its_numbers_behind_them(
    browser: sync_api.Browser, verdict: Path
) -> None:
    shown = Opened(browser, verdict)
    assert (shown.asked, shown.complaints) == ([verdict.as_uri()], [])
    assert shown.page.get_by_role("img", name="loss: the run beside its golden").count() == 1
    box = shown.page.locator("svg.course").first.bounding_box()
    assert box is not None and box["width"] > 300
    shown.page.click("summary:has-text('The numbers of loss')")
    assert shown.page.locator("figure table tbody tr:visible").count() == 5
    assert HOSTILE in shown.page.locator("table.wide").inner_text()
    shown.page.click("summary:has-text('1 more reading')")
    assert shown.page.locator("svg:visible").count() == 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_picture_of_it_has_more_than_its_ground(
    browser: sync_api.Browser, report: Path, scheme: str, width: int
) -> None:
    shown = Opened(browser, report, color_scheme=scheme, viewport={"width": width, "height": 800})
    empty = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}).new_page()
    assert len(shown.page.screenshot()) > 4 * len(empty.screenshot())
