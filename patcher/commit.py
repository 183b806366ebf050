"""Commits of what patcher writes: all or none, of its own paths alone, by the user's identity, hooks and signing.

A commit is made from an index of its own, which is HEAD with these changes and nothing else: what the user staged or
changed is in no commit of patcher's. A branch goes back only over commits that this very process has just put on it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import TargetError, UsageError
from patcher.message import Piece
from patcher.model import Change

__all__ = ["branched", "check_ready", "commit", "contains", "detached", "head_of", "subject", "take_off"]

# What git keeps while something is under way, and what that is.
UNDER_WAY = {
    "MERGE_HEAD": "merge",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "sequencer": "cherry-pick or revert of several commits",
    "BISECT_LOG": "bisect",
}


def check_ready(checkout: Checkout, what: str = "--commit") -> None:
    """Refuse a tree in which nothing should be committed now.

    Raises:
        UsageError: it has no git, no commit yet, or something is under way in it; or nobody is there to commit.
    """
    if not checkout.is_git:
        raise UsageError(f"{checkout.root} has no git, and {what} needs it; leave {what} out, or run `git init` there.")
    if checkout.head is None:
        raise UsageError(
            f"{checkout.root} has no commit yet, so a commit of patcher's would hold more than its own; "
            "commit the tree as it is first."
        )
    if busy := next((what for name, what in UNDER_WAY.items() if _place(checkout, name).exists()), None):
        raise UsageError(f"{checkout.root} is in the middle of a {busy}; finish it or abort it, then run this again.")
    for who in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT") if what != "--branch" else ():
        if checkout.repository.act(f"var {who}")[0]:
            raise UsageError(
                "git does not know in whose name to commit; tell it with `git config user.name` and "
                "`git config user.email`."
            )


def detached(checkout: Checkout) -> bool:
    """Tell whether HEAD is on no branch."""
    return checkout.head is not None and checkout.repository.run("symbolic-ref -q HEAD")[0] != 0


def contains(checkout: Checkout, commits: Iterable[str]) -> bool:
    """Tell whether what is checked out was built on all of these commits."""
    return all(checkout.repository.run(f"merge-base --is-ancestor {one} HEAD")[0] == 0 for one in commits)


def subject(checkout: Checkout, commit: str) -> str:
    """Return the first line of a commit's message, or nothing if it is gone."""
    _, out, _ = checkout.repository.run(f"log -1 --format=%s {commit}")
    return out.decode("utf-8", "replace").strip()


@contextmanager
def branched(checkout: Checkout, name: str | None) -> Iterator[None]:
    """Work on a new branch; where that fails, go back to where HEAD was, and remove the branch.

    Raises:
        UsageError: there cannot be such a branch.
    """
    if name is None:
        yield
        return
    git = checkout.repository
    code, out, _ = git.run("symbolic-ref -q --short HEAD")
    back = ["switch", "--quiet", out.decode().strip()] if not code else ["switch", "--quiet", "--detach"]
    code, told = git.act("switch --quiet --no-track --create", name)
    if code:
        raise UsageError(f"There can be no branch {name}: {told.removeprefix('fatal: ')}; choose another --branch.")
    with ExitStack() as failed:
        failed.callback(git.act, "branch --quiet -D", name)
        failed.callback(git.act, " ".join(back))
        yield
        failed.pop_all()


def commit(checkout: Checkout, pieces: Sequence[Piece]) -> tuple[str, ...]:
    """Make a commit of each piece, or none; return what they are called.

    Raises:
        TargetError: git, a hook or the signing program refused; it says so in their words.
    """
    start, made = head_of(checkout), list[str]()
    paths = tuple(dict.fromkeys(change.path for piece in pieces for change in piece.changes))
    with ExitStack() as failed, _own_index(checkout) as env:
        failed.callback(take_off, checkout, start, paths)
        for piece in pieces:
            if piece.merged:
                _begin_merge(checkout, piece.merged, env)
                failed.callback(checkout.repository.act, "merge --quit")
            _stage(checkout, piece.changes, env)
            if piece.merged or checkout.repository.run("diff-index --cached --quiet HEAD", env=env)[0]:
                made.append(_commit(checkout, piece, env))
        failed.pop_all()
    _sync(checkout, paths)
    return tuple(made)


def take_off(checkout: Checkout, start: str, paths: Sequence[str]) -> None:
    """Put the branch back to where this process found it, and the index for these paths; the work tree stays."""
    now = head_of(checkout)
    if now != start:
        checkout.repository.run("update-ref -m", "patcher: not committed", "HEAD", start, now)
    _sync(checkout, paths)


def _begin_merge(checkout: Checkout, other: str, env: dict[str, str]) -> None:
    """Have the next commit say that it merges another one; the work tree and the index stay as they are."""
    code, told = checkout.repository.act("merge --quiet --no-commit --no-ff --strategy=ours", other, env=env)
    if code:
        raise TargetError(f"git does not begin the merge of {other[:12]} in {checkout.root}: {told}.")


def _commit(checkout: Checkout, piece: Piece, env: dict[str, str]) -> str:
    code, told = checkout.repository.act("commit --quiet --cleanup=whitespace -m", piece.message, env=env)
    if code:
        lines = "\n".join(f"  {line}" for line in told.splitlines()) or "  (nothing)"
        raise TargetError(
            f"Nothing was committed, and the tree is as it was: `git commit` ended with {code}, and said:\n{lines}"
        )
    return head_of(checkout)


def _stage(checkout: Checkout, changes: Iterable[Change], env: dict[str, str]) -> None:
    lines = [line for change in changes for line in _entry(checkout, change, env)]
    code, _, told = checkout.repository.run("update-index -z --index-info", env=env, data=b"".join(lines))
    if code:
        raise TargetError(f"git could not stage what patcher wrote in {checkout.root}: {told}.")


def _entry(checkout: Checkout, change: Change, env: dict[str, str]) -> Iterator[bytes]:
    name = os.fsencode(f"{checkout.prefix}{change.path}")
    if change.gone:
        yield b"0 %s\t%s\0" % (b"0" * 40, name)
        return
    blob = checkout.repository.run("hash-object -w --stdin --path", change.path, data=change.after)
    if blob[0]:
        raise TargetError(f"git could not store {change.path}: {blob[2]}.")
    listed = checkout.repository.ask("ls-files -s -z --", change.path, env=env)
    mode = listed[0].partition(" ")[0] if listed else f"{change.mode:o}"
    yield b"%s %s\t%s\0" % (mode.encode(), blob[1].strip(), name)


@contextmanager
def _own_index(checkout: Checkout) -> Iterator[dict[str, str]]:
    """Give an index that is HEAD, beside the user's; with what that knows of the files on the disk."""
    own = checkout.journal_folder / "index"
    own.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        shutil.copyfile(_place(checkout, "index"), own)
    env = {"GIT_INDEX_FILE": str(own)}
    try:
        checkout.repository.ask("read-tree --reset HEAD", env=env)
        yield env
    finally:
        for name in ("index", "index.lock"):
            own.with_name(name).unlink(missing_ok=True)


def _sync(checkout: Checkout, paths: Sequence[str]) -> None:
    """Let the user's index have these paths as HEAD has them, and keep all else that is in it."""
    for start in range(0, len(paths), 500):
        checkout.repository.act("reset --quiet HEAD --", *paths[start : start + 500])


def head_of(checkout: Checkout) -> str:
    """Return the commit that is checked out now; what a checkout knows of it is from when it was first asked."""
    return checkout.repository.ask("rev-parse HEAD")[0].strip()


def _place(checkout: Checkout, name: str) -> Path:
    return checkout.root / checkout.repository.ask("rev-parse --git-path", name)[0].rstrip("\n")
