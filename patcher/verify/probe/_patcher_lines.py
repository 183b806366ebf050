"""Tells which of some lines are executed.

A line counts as executed when its statement is: for one that holds others, as `def` and `if` do, what stands before
the first of those. A line that belongs to no statement that does anything (a comment, a docstring, `else:`) counts with
the next one.

Not seen: what torch.compile has compiled (TORCHDYNAMO_DISABLE=1 lets it run as it stands), what a thread runs that
torch started itself (a backward function on a GPU), and what comes behind a program's own sys.settrace.
"""

import ast
import dis
import os
import sys
import threading

HERE = os.getcwd()


def trace(wanted, recorder):
    """Trace the files that the lines are of, and no others."""
    tracer = Tracer(wanted, recorder)
    threading.settrace(tracer.enter)
    sys.settrace(tracer.enter)


class Tracer:
    """Records each wanted line once; a function without one that is still missing runs as if there were no tracer."""

    def __init__(self, wanted, recorder):
        self.recorder = recorder
        self.files = {os.path.realpath(path): (path, numbers) for path, numbers in wanted.items()}
        # A file as code names it -> each line at which an event may come -> the wanted lines that it tells of.
        self.missing = {}
        self.codes = {}

    def enter(self, frame, event, arg):
        """Follow a frame if one of its lines is wanted."""
        code = frame.f_code
        missing = self.missing.get(code.co_filename)
        if missing is None:
            missing = self.missing[code.co_filename] = self.lines(code.co_filename)
        return self.step if missing and not self.own(code).isdisjoint(missing) else None

    def step(self, frame, event, arg):
        """Record what the line that is about to be executed tells of."""
        missing = self.missing[frame.f_code.co_filename]
        if event == "line" and frame.f_lineno in missing:
            path, _ = self.files[real(frame.f_code.co_filename)]
            for number in sorted(missing.pop(frame.f_lineno)):
                self.recorder.once(line=[path, number])
        return self.step

    def lines(self, filename):
        """Return the lines of a file at which an event tells that wanted ones are executed."""
        path, numbers = self.files.get(real(filename), (None, ()))
        if path is None:
            return {}
        with open(path, "rb") as file:
            spans = statements(ast.parse(file.read()))
        found = {}
        for number in numbers:
            first, last = span_of(spans, number)
            for line in range(first, last + 1):
                found.setdefault(line, set()).add(number)
        return found

    def own(self, code):
        """Return the lines of a code object, without those of the functions inside it."""
        if id(code) not in self.codes:
            self.codes[id(code)] = code, frozenset(line for _, line in dis.findlinestarts(code))
        return self.codes[id(code)][1]


def real(filename):
    """Return the file that code is of; a relative name is from where the process began."""
    return os.path.realpath(os.path.join(HERE, filename))


def statements(tree):
    """Return the first and the last line of all that is executed: simple statements, and the heads of the others."""
    return sorted(span(node) for node in ast.walk(tree) if is_executed(node))


def is_executed(node):
    """Tell whether a node is a statement, or a branch with a head of its own, that leaves code behind."""
    if isinstance(node, (ast.Global, ast.Nonlocal)) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ):
        return False
    return isinstance(node, (ast.stmt, ast.excepthandler)) or type(node).__name__ == "match_case"


def span(node):
    """Return the first and the last line of a statement, up to the first of those that it holds."""
    first, body = start(node), getattr(node, "body", None)
    return first, max(first, start(body[0]) - 1) if body else node.end_lineno


def start(node):
    """Return the first line of a statement, which may be that of its first decorator."""
    return min(one.lineno for one in [getattr(node, "pattern", node), *getattr(node, "decorator_list", ())])


def span_of(spans, number):
    """Return the smallest span that has a line, else the next one behind it, else the last."""
    around = [span for span in spans if span[0] <= number <= span[1]]
    if around:
        return min(around, key=lambda span: span[1] - span[0])
    return next((span for span in spans if span[0] > number), spans[-1] if spans else (number, number))
