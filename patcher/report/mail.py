"""Commits that are to be, as `git am` takes them: a mailbox of one message each, bytes that no mail program changes."""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime

from patcher import __version__
from patcher.message import Piece
from patcher.report.patch import change_patch

__all__ = ["mails"]

# git knows a mailbox by this line; the commit in it means nothing to `git am`.
FROM = f"From {'0' * 40} Mon Sep 17 00:00:00 2001\n"
# A line of a message that begins so would be taken for the patch.
HEADS = re.compile(r"^(?=diff -|Index: |---|From )", re.MULTILINE)
NOBODY = "patcher <patcher@localhost>"


def mails(pieces: Sequence[Piece], prefix: str = "", author: str | None = None) -> bytes:
    """Return a message for each piece, in their order; nothing where there is none."""
    date = format_datetime(datetime.now(UTC))
    return b"".join(
        b"".join(_mail(piece, (number, len(pieces)), prefix, author or NOBODY, date))
        for number, piece in enumerate(pieces, 1)
    )


def _mail(piece: Piece, count: tuple[int, int], prefix: str, author: str, date: str) -> Iterator[bytes]:
    subject, _, text = piece.message.partition("\n\n")
    body = HEADS.sub(" ", text).encode() + b"---\n" + b"".join(change_patch(change, prefix) for change in piece.changes)
    body += f"-- \npatcher {__version__}\n\n".encode()
    # A plain mail would lose its carriage returns, as mails have them at every line's end.
    encoded = b"\r" in body
    name, _, address = author.rpartition(" <")
    number = f" {count[0]}/{count[1]}" if count[1] > 1 else ""
    head = {
        "From": f"{Header(name, maxlinelen=900).encode()} <{address}",
        "Date": date,
        "Subject": Header(f"[PATCH{number}] {subject}", maxlinelen=900).encode(),
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "quoted-printable" if encoded else "8bit",
    }
    yield FROM.encode() + "".join(f"{key}: {value}\n" for key, value in head.items()).encode() + b"\n"
    yield _quoted(body) if encoded else body


def _quoted(body: bytes) -> bytes:
    """Return text in quoted-printable; a carriage return is a byte like any other, and stands before its line's end."""
    lines = body.split(b"\n")
    return b"\n".join(quopri.encodestring(line, quotetabs=False).replace(b"\r", b"=0D") for line in lines)
