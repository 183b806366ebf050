"""Conditions of steps: whether a `when` holds in a tree as the steps before have left it, and why."""

from __future__ import annotations

from patcher.errors import TargetError
from patcher.model import Condition
from patcher.syntax.draft import PROGRAMS, Draft

__all__ = ["asked", "unmet"]


def asked(condition: Condition, *, negated: bool = False) -> str:
    """Say in a clause what a condition asks of a tree."""
    named = " or ".join(condition.names[1:] if condition.kind == "parameter" else condition.names)
    match condition.kind:
        case "parameter":
            return f"{condition.names[0]} is {'not ' if negated else ''}{named}"
        case "import":
            return f"{'nothing' if negated else 'a file'} imports {named}"
        case "not":
            return asked(condition.inner[0], negated=not negated)
    clauses = [asked(inner, negated=negated) for inner in condition.inner]
    return (" or " if (condition.kind == "any") is not negated else " and ").join(clauses)


def unmet(condition: Condition, draft: Draft) -> str:
    """Return why a condition does not hold, or nothing if it holds."""
    match condition.kind:
        case "parameter":
            name, wanted = condition.names[0], condition.names[1:]
            return "" if condition.holds else f"{name} is not {' or '.join(wanted)}."
        case "import":
            return "" if _imports(draft, condition.names) else f"Nothing imports {' or '.join(condition.names)}."
        case "not":
            inner = condition.inner[0]
            return "" if unmet(inner, draft) else _met(inner, draft)
        case "any":
            reasons = [unmet(inner, draft) for inner in condition.inner]
            return _joined(condition, reasons) if all(reasons) else ""
    return next((reason for inner in condition.inner if (reason := unmet(inner, draft))), "")


def _met(condition: Condition, draft: Draft) -> str:
    """Say what holds of a condition that is fulfilled."""
    match condition.kind:
        case "parameter":
            return f"{condition.names[0]} is {' or '.join(condition.names[1:])}."
        case "import":
            return f"Something imports {' or '.join(condition.names)}."
        case "not":
            return unmet(condition.inner[0], draft)
    holding = [inner for inner in condition.inner if not unmet(inner, draft)]
    return " ".join(_met(inner, draft) for inner in holding)


def _joined(condition: Condition, reasons: list[str]) -> str:
    """Say of several values of one parameter that it has none of them, in one sentence."""
    names = {inner.names[:1] for inner in condition.inner if inner.kind == "parameter"}
    if len(names) == 1 and all(inner.kind == "parameter" for inner in condition.inner):
        return f"{names.pop()[0]} is not {' or '.join(value for one in condition.inner for value in one.names[1:])}."
    return " ".join(reasons)


def _imports(draft: Draft, names: tuple[str, ...]) -> bool:
    """Tell whether any Python file imports one of the dotted names, copied shims among them, or something below."""
    roots = {name: name.removeprefix("shim.").partition(".")[0].encode() for name in names}
    for path in draft.paths:
        if not path.endswith(PROGRAMS):
            continue
        try:
            wanted = [name for name in names if roots[name] in draft.read(path)]
            known = draft.source(path).names if wanted else None
        except TargetError as error:
            draft.skipped.setdefault(path, str(error))
            continue
        origins = [origin for one in known.imports for origin in known.origins_of(one)] if known else []
        if any(f"{origin}.".startswith(f"{name}.") for origin in origins for name in wanted):
            return True
    return False
