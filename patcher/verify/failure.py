"""Why a run has failed, in sentences: what it may come from, and what to do."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Iterator

from patcher.checkout import Checkout
from patcher.verify.readings import Run, unseen

__all__ = ["failure", "refusal", "strayed"]

MISSING = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
# What torch and its libraries say where a GPU is asked for and none is there.
NO_GPU = re.compile(
    r"Torch not compiled with CUDA|Found no NVIDIA|No CUDA GPUs|CUDA driver|cuda runtime|_cuda_|NCCL|CUDA_HOME",
    re.IGNORECASE,
)
# A Python with an option, in any bundle of them, with which it does not look at PYTHONPATH or loads nothing from it.
BLIND = re.compile(r"(?:^|[/\s])python[\d.]*(?:\s+-(?![mc]\b)\S+)*?\s+-[a-zA-Z]*([IES])")
SET = re.compile(r"\bPYTHONPATH=(?!\S*\$\{?PYTHONPATH)")


def strayed(run: Run, checkout: Checkout) -> str:
    """Say that a run did not train the copy."""
    return (
        f"It trained {checkout.root} and not its copy: {run.strayed[0]} was imported from there. An editable install, "
        "a PYTHONPATH or a link leads there; take it out of the environment that trains."
    )


def refusal(run: Run) -> str:
    """Say what the tree calls that no attention of patcher's can stand in for, or nothing."""
    if run.refused is None:
        return ""
    name, what, place = run.refused
    if what == "dropout_p > 0":
        return (
            f"{name} was called with dropout ({place}), which the reference attention cannot reproduce: every "
            "implementation drops other weights. Set the dropout of attention to 0 in the check's `run`, or leave "
            "`attention` out of its `reference`."
        )
    return (
        f"{name} was called with {what} ({place}), which the reference attention does not know. Do without it in the "
        "check's `run`, or leave `attention` out of its `reference`."
    )


def failure(run: Run, python: str, checkout: Checkout) -> str:
    """Say how a run failed, and what that may come from."""
    unknown = _not_loaded(run) if run.returncode == 0 and not run.readings and not run.damaged else ""
    if unknown:
        return f"It ended with exit code 0, and nothing is known of what it did. {unknown}"
    steps = f"{run.steps} step{'' if run.steps == 1 else 's'}"
    return " ".join([f"{_end(run)} after {steps}.", *_reasons(run, python, checkout)])


def _reasons(run: Run, python: str, checkout: Checkout) -> Iterator[str]:
    if run.damaged:
        yield (
            f"What it did is not known, because the probe's file of {run.damaged}, which the probe did not write; keep "
            "the program out of the folder that PATCHER_PROBE names."
        )
        return
    if run.refused is not None:
        yield refusal(run)
        return
    if run.returncode == 0 and run.readings and not any(name in run.readings for name in run.wanted):
        yield unseen(run.wanted[0])
    if run.returncode == 0 and run.lost is not None:
        yield f"Loss {run.lost} is {run.losses[run.lost - 1]}; what is trained from there on is lost."
    missing = MISSING.findall(run.output)
    if missing:
        yield _install(missing[-1], python, checkout)
    elif "ImportError" in run.output:
        yield f"{python} lacks what the tree imports: install its requirements there, or name another --python."
    elif run.returncode != 0 and NO_GPU.search(run.output):
        yield "It asks for a GPU, and ran without one; a step has to make that depend on the machine."


def _not_loaded(run: Run) -> str:
    """Say into which Python of a run the probe was not loaded, and why, or nothing."""
    for command, reaches in run.started:
        if why := _blind(command, reaches):
            return f"The probe was not loaded into `{command}`, {why}"
    if run.loaded:
        return ""
    why = _blind(shlex.join(run.command), True) or (
        "because no Python looked at the PYTHONPATH by which it comes: it was started with another one, with -I, -E or "
        "-S, in a container, or not at all. Add to PYTHONPATH in place of setting it, or let the check's `run` start "
        "the trainer itself."
    )
    return f"The probe was not loaded, {why}"


def _blind(command: str, reaches: bool) -> str:
    """Say why a command starts a Python without the probe, and what to do, or nothing."""
    found = BLIND.search(command)
    if found:
        flag = f"-{found[1]}"
        return f"because {flag} keeps Python from the PYTHONPATH by which it comes; start it without {flag}."
    if not reaches or SET.search(command):
        return "because that is started with another PYTHONPATH; put $PYTHONPATH, as it was, behind what is added."
    return ""


def _install(module: str, python: str, checkout: Checkout) -> str:
    """Say what an interpreter lacks, and how it gets it; what the tree has itself is never to be installed."""
    root = module.partition(".")[0]
    own = next((path for path in checkout.paths if f"/{path}".endswith((f"/{root}.py", f"/{root}/__init__.py"))), None)
    if own is not None:
        return (
            f"It found no {module}, which the tree has itself, in {own}: the run needs the folder of that on its path, "
            "as a PYTHONPATH in the check's `environment` makes it."
        )
    requirements = checkout.root / "requirements.txt"
    what = ["-r", str(requirements)] if requirements.is_file() else [module.partition(".")[0]]
    command = shlex.join([python, "-m", "pip", "install", *what])
    return f"{python} has no {module}, which the tree imports. Install it there, or name another --python: {command}"


def _end(run: Run) -> str:
    if run.returncode is None:
        return "The time limit ended it"
    if run.returncode < 0:
        return f"{_signal(-run.returncode)} ended it"
    ended = f"It ended with exit code {run.returncode}"
    if run.returncode or run.lost is not None or run.damaged:
        return ended
    logs = all(name.startswith("wandb.") for name in run.wanted)
    return f"{ended}, yet {'logged nothing that the check reads' if logs else 'did not train'},"


def _signal(number: int) -> str:
    known = {one.value for one in signal.Signals}
    return signal.Signals(number).name if number in known else f"signal {number}"
