"""Listens to what this Python itself does: the files that it opens, and the Pythons that it starts.

Seen is what Python tells of (sys.addaudithook): also what a C extension opens through it, and not what a shell, or a
library on its own, does.
"""

import os
import re
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = re.compile(r"(^|[/\s=])python[\d.]*($|\s)")
# The event of a start -> where its arguments and its environment stand.
STARTS = {"subprocess.Popen": (1, 3), "os.exec": (1, 2), "os.posix_spawn": (1, 2), "os.system": (0, None)}
LONGEST = 400
INSIDE = threading.local()


def listen(files, recorder):
    """Record which of some files are opened to be read, and each command that starts a Python."""
    names = {}
    for path in files:
        names.setdefault(os.path.basename(path), set()).add(path)

    def opened(path, mode, flags):
        path = os.fsdecode(path) if isinstance(path, (str, bytes)) else ""
        writes = isinstance(flags, int) and flags & os.O_ACCMODE == os.O_WRONLY
        if os.path.basename(path) in names and not writes:
            real = os.path.realpath(path)
            if real in names[os.path.basename(path)]:
                recorder.once(opened=real)

    def started(words, environment):
        command = words if isinstance(words, (str, bytes)) else " ".join(map(os.fsdecode, words or ()))
        command = os.fsdecode(command).strip().partition("\n")[0][:LONGEST]
        if PYTHON.search(command):
            recorder.once(started=[command, reaches(environment)])

    def heard(event, arguments):
        if event not in STARTS and (event != "open" or not names):
            return
        if getattr(INSIDE, "event", False):
            return
        INSIDE.event = True
        try:
            if event == "open":
                opened(*arguments)
            else:
                words, environment = STARTS[event]
                started(arguments[words], arguments[environment] if environment else None)
        except (AttributeError, LookupError, OSError, TypeError, ValueError):
            return  # what is raised here would end what the program was about to do
        finally:
            INSIDE.event = False

    sys.addaudithook(heard)


def reaches(environment):
    """Tell whether the probe comes with an environment: its folder is on the PYTHONPATH there."""
    found = os.environ if environment is None else environment
    path = next((value for name, value in dict(found).items() if name in ("PYTHONPATH", b"PYTHONPATH")), "")
    return HERE in os.fsdecode(path).split(os.pathsep)
