"""What is wrong in the upstream and is not mended: told with its places, and not touched."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tiny import Tiny, replace

DEAD = {"why": "nothing calls it", "in": "**/*.py", "text": r"^def dead\("}


def known(tiny: Tiny, *flaws: dict[str, Any]) -> list[tuple[str, int, str]]:
    tiny.recipe(replace("abs($X)", "round($X)"), known=flaws or [DEAD])
    return [(one["path"], one["line"], one["reason"]) for one in tiny.plan().json["known"]]


def test_every_line_that_shows_it_is_told(tiny: Tiny) -> None:
    tiny.files({"a.py": "x = 1\ndef dead(): 1\n", "b/c.py": "def dead(): 1\n\n\ndef dead(): 2\n"})
    places = [("a.py", 2), ("b/c.py", 1), ("b/c.py", 4)]
    assert known(tiny) == [(path, line, "nothing calls it") for path, line in places]
    assert "Wrong upstream, and left alone:\n  a.py:2, b/c.py:1, b/c.py:4: nothing calls it.\n" in tiny.apply().out


def test_nothing_of_it_is_touched(tiny: Tiny) -> None:
    tiny.one("def dead(): abs\n")
    assert known(tiny) and tiny.apply().code == 0
    assert tiny.read() == "def dead(): abs\n"


def test_what_the_upstream_has_mended_is_told_no_more(tiny: Tiny) -> None:
    tiny.one("abs(1)\n")
    assert known(tiny) == []
    assert "Wrong upstream" not in tiny.apply().out


def test_what_a_step_mends_is_told_no_more(tiny: Tiny) -> None:
    tiny.one("abs(1)\n")
    assert known(tiny, {"why": "w", "in": "a.py", "text": r"abs\("}) == []


def test_the_line_is_that_of_the_file_on_disk(tiny: Tiny) -> None:
    tiny.one("x = abs(\n    1)\ndef dead(): 1\n")
    tiny.recipe({"id": "a", "why": "w", "effect": "exact", "delete": "x = $_", "local": ["x"]}, known=[DEAD])
    assert [one["line"] for one in tiny.plan().json["known"]] == [3]


@pytest.mark.parametrize("text", ["def dead(:\n", "def dead(): 1\r\n", "\ufeffdef dead(): 1\n"])
def test_a_file_that_does_not_parse_or_is_written_otherwise(tiny: Tiny, text: str) -> None:
    tiny.one(text.encode())
    assert known(tiny) == [("a.py", 1, "nothing calls it")]


def test_lines_are_counted_in_their_own_way_of_ending(tiny: Tiny) -> None:
    tiny.one(b"x = 1\r\n# \xc3\xa9\r\n\r\ndef dead(): 1\r\n")
    assert known(tiny) == [("a.py", 4, "nothing calls it")]


def test_a_file_that_is_left_alone_has_its_flaws_too(tiny: Tiny) -> None:
    tiny.one("def dead(): 1\n").recipe(replace("abs($X)", "round($X)"), leave={"a.py": "vendored"}, known=[DEAD])
    assert [one["path"] for one in tiny.plan().json["known"]] == ["a.py"]


def test_a_file_out_of_its_scope_or_of_another_encoding_is_not_asked(tiny: Tiny) -> None:
    tiny.files({"a.txt": "def dead(): 1\n", "b.py": b"# \xe9\ndef dead(): 1\n"})
    assert known(tiny) == []


def test_the_value_of_a_parameter_is_filled_in(tiny: Tiny) -> None:
    tiny.one("rate = 3\n")
    parameters = {"rate": {"type": "int", "default": "3"}}
    flaw = {"why": "it is ${rate}", "in": "a.py", "text": "rate = ${rate}$"}
    tiny.recipe(replace("abs($X)", "round($X)"), parameters=parameters, known=[flaw])
    assert [one["reason"] for one in tiny.plan().json["known"]] == ["it is 3"]
    assert tiny.plan("-p", "rate=4").json["known"] == []
