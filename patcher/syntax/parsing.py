"""The one way from a program's bytes to LibCST's tree: what cannot be parsed is told with its place and the remedy."""

from __future__ import annotations

from itertools import accumulate

import libcst as cst

from patcher.errors import TargetError

__all__ = ["parse", "too_deep"]

# Of what the parser takes, far less than makes it crash, and far more than Python itself allows.
MOST_BRACKETS = 1000


def parse(path: str, data: bytes, encoding: str | None = None) -> cst.Module:
    """Return the module; without an encoding the program says it.

    Raises:
        TargetError: it does not parse, or is nested too deeply.
    """
    if _brackets(data) > MOST_BRACKETS:
        raise too_deep(path)
    try:
        return cst.parse_module(data if encoding is None else data.decode(encoding))
    except cst.ParserSyntaxError as error:
        raise TargetError(
            f"{path}:{error.raw_line} does not parse as Python 3; mend that line, or leave the file out with not_in."
        ) from None
    except (UnicodeError, LookupError, ValueError, SyntaxError) as error:  # SyntaxError: the encoding line is wrong
        raise TargetError(f"{path} cannot be decoded ({error}); save it as UTF-8.") from None


def too_deep(path: str) -> TargetError:
    """Return the error for a program that is nested more deeply than can be read."""
    return TargetError(f"{path} is nested too deeply to be parsed; leave it out with not_in.")


def _brackets(data: bytes) -> int:
    """Return about how deep brackets are nested; exact where no string or comment holds an unbalanced one."""
    if sum(map(data.count, (b"(", b"[", b"{"))) <= MOST_BRACKETS:
        return 0
    signs = data.translate(None, bytes(set(range(256)) - set(b"([{}])")))
    return max(accumulate(1 if sign in b"([{" else -1 for sign in signs))
