"""The numbers that a program gives to `wandb.log` and `run.log`, in whatever mode wandb is.

`wandb.init` binds `wandb.log` anew, and a disabled run's `log` may be an attribute of that one run; so what it returns
is looked at again. One call may go through several of these; it is recorded where it begins.
"""

import contextlib
import functools
import os
import threading

INSIDE = threading.local()
QUIET = ("disabled", "offline", "dryrun")


def watch_wandb(wandb, recorder):
    """Hook a wandb that was just loaded."""
    watch_log(wandb, recorder)
    if isinstance(getattr(wandb, "Run", None), type):
        watch_log(wandb.Run, recorder)
    init = getattr(wandb, "init", None)
    if callable(init):

        @functools.wraps(init)
        def watched_init(*args, **kwargs):
            run = init(*args, **offline(kwargs))
            watch_log(wandb, recorder)
            watch_log(run, recorder)
            return run

        wandb.init = watched_init


def offline(options):
    """Return the options of `wandb.init` without a mode that would ask for an account and send something."""
    asked = options.get("mode") or getattr(options.get("settings"), "mode", None) or os.environ.get("WANDB_MODE")
    return options if asked in QUIET else dict(options, mode="disabled")


def watch_log(owner, recorder):
    """Put a function that records in the place of an owner's `log`, if it has one that does not do so yet."""
    log = getattr(owner, "log", None)
    if not callable(log) or getattr(log, "_patcher_watched", None) is True:
        return
    method = isinstance(owner, type)

    def watched(*args, **kwargs):
        if getattr(INSIDE, "log", False):
            return log(*args, **kwargs)
        given = args[method:]
        numbers = numbers_of(given[0] if given else kwargs.get("data", kwargs.get("row")))
        if numbers:
            recorder.write(wandb=numbers)
        INSIDE.log = True
        try:
            return log(*args, **kwargs)
        finally:
            INSIDE.log = False

    functools.update_wrapper(watched, log, assigned=(), updated=())  # a disabled run may answer to any name
    watched._patcher_watched = True
    with contextlib.suppress(AttributeError, TypeError):  # a run that takes no attributes has its class's log
        owner.log = watched


def numbers_of(data, prefix=""):
    """Return the numbers among what is logged; dictionaries inside are spelled with a dot, as wandb does."""
    found = {}
    for key, value in data.items() if isinstance(data, dict) else ():
        if isinstance(value, dict):
            found.update(numbers_of(value, "%s%s." % (prefix, key)))
        number = number_of(value)
        if number is not None:
            found["%s%s" % (prefix, key)] = number
    return found


def number_of(value):
    """Return a number, a tensor without dimensions or a scalar of numpy as a float; None for anything else."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
