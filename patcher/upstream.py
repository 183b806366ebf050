"""Where a fork comes from and where it goes: the commit of its upstream that it was made from, and the new one."""

from __future__ import annotations

from collections.abc import Iterable

from patcher.checkout import Checkout
from patcher.errors import UsageError
from patcher.history import branch_of, commit_of, common
from patcher.model import Recipe

__all__ = ["known", "newest", "start_of"]


def newest(checkout: Checkout, recipes: Iterable[Recipe]) -> str:
    """Return the main branch of the remote that is a recipe's upstream, as it was last fetched.

    Raises:
        UsageError: there is no such remote.
    """
    if not checkout.is_git:
        raise _without(checkout)
    urls = dict.fromkeys(one.upstream.repository for one in recipes if one.upstream)
    for url in urls:
        if branch := branch_of(checkout, url):
            return branch
    reason = f"no remote of {checkout.root} is {next(iter(urls))}" if urls else "its recipe names no upstream"
    raise UsageError(
        f"Nothing says which upstream to take the fork to: {reason}. Fetch it, and name its commit with --onto, for "
        "instance --onto upstream/main."
    )


def known(checkout: Checkout, name: str, option: str) -> str:
    """Return the commit that an option names.

    Raises:
        UsageError: the repository does not have it.
    """
    if not checkout.is_git:
        raise _without(checkout)
    commit = commit_of(checkout, name)
    if commit is None:
        raise UsageError(f"{option} {name} is no commit that {checkout.root} has; fetch it first, or name another one.")
    return commit


def start_of(checkout: Checkout, told: str, new: str, base: str | None) -> str:
    """Return the commit of the upstream that the fork was made from; `told` is what a lock says.

    What a lock names may be a commit of the fork's own, with work that the upstream never had: only what the new
    upstream was built on is the upstream's.
    """
    if base is not None:
        return known(checkout, base, "--base")
    start = _locked(checkout, told) if told else checkout.head
    if start is None:
        raise UsageError(f"{checkout.root} has no commit yet, so it was made from none; name that with --base.")
    shared = common(checkout, start, new)
    if shared is None:
        raise UsageError(
            f"{start[:12]} and {new[:12]} have no history in common in {checkout.root}, so nothing says what the fork "
            "was made from. Fetch all of the upstream's history, or name that commit with --base."
        )
    return shared


def _locked(checkout: Checkout, told: str) -> str:
    commit = commit_of(checkout, told)
    if commit is None:
        raise UsageError(
            f"The lock says that the fork was made from {told[:12]}, which {checkout.root} does not have; fetch the "
            "upstream, or name another commit with --base."
        )
    return commit


def _without(checkout: Checkout) -> UsageError:
    return UsageError(f"{checkout.root} has no git, so it has no upstream that could move; clone the fork with git.")
