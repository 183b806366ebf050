"""docs/report.md says of the page what the page says of itself."""

from __future__ import annotations

import re

from tests.helpers import ROOT

PARTS = ROOT / "patcher" / "report" / "web" / "parts"
KEY = re.compile(r"<kbd>(.+?)</kbd>(?=.*</dt>)")


def test_the_page_has_each_key_that_its_help_names_and_no_other() -> None:
    named = {key for name in ("base.html", "plan.html") for key in KEY.findall((PARTS / name).read_text())} - {"Esc"}
    rows = [
        line.split("|")[1] for line in (ROOT / "docs" / "report.md").read_text().splitlines() if line.startswith("| `")
    ]
    assert {key for row in rows for key in re.findall("`(.)`", row)} == named


def test_each_of_them_does_something() -> None:
    script = (PARTS / "script.js").read_text()
    handled = set(
        re.findall(
            r'[{,]\s*"?([a-z?])"?: ', script[script.index("const KEYS") : script.index('addEventListener("keydown"')]
        )
    )
    named = {key for name in ("base.html", "plan.html") for key in KEY.findall((PARTS / name).read_text())} - {"Esc"}
    assert handled == named
