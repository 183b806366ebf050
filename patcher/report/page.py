"""A page about a recipe, in Markdown: what it does, step by step, with an example of each, and what it is held to.

All of it is from the recipe and its cases, so that a page is fresh if it is what this gives.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence

from patcher.cases import Case
from patcher.model import Condition, Recipe, Step

__all__ = ["recipe_page"]

CONTEXT = 3


def recipe_page(recipe: Recipe, cases: Sequence[Case]) -> str:
    """Return the page of a recipe, with the first example of each step that its cases have."""
    lines = [f"# {recipe.name}", "", f"{recipe.summary}.", ""]
    if recipe.upstream is not None:
        tested = ", ".join(f"`{commit[:7]}`" for commit in recipe.upstream.tested)
        lines += [f"For {recipe.upstream.repository}" + (f", tried on {tested}." if tested else "."), ""]
    lines += ["```console", f"$ patcher apply TREE --recipe {recipe.name} --diff", "```", ""]
    lines += _parameters(recipe)
    if recipe.leave:
        lines += ["Left alone:", "", *(f"- `{path}`: {reason}" for path, reason in recipe.leave.items()), ""]
    lines += ["## Steps", ""]
    for step in recipe.steps:
        own = [(step.id,), ()] if len(recipe.steps) == 1 else [(step.id,)]
        lines += _step(step, [case for case in cases if case.steps in own])
    lines += _checks(recipe)
    if recipe.next:
        lines += ["## Next, in the tree", "", "```console"]
        lines += [line for hint in recipe.next for line in (f"# {hint.why}", f"$ {hint.run.replace('{tree}', '.')}")]
        lines += ["```", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _parameters(recipe: Recipe) -> Iterator[str]:
    if recipe.parameters:
        yield from ("## Parameters", "", "| `-p` | values | unsaid | what for |", "|---|---|---|---|")
        for one in recipe.parameters:
            values = ", ".join(f"`{choice}`" for choice in one.choices) or one.type
            unsaid = f"`{one.default}`" if one.default else "empty"
            yield f"| `{one.name}` | {values} | {unsaid} | {_cell(one.help)} |"
        yield ""


def _step(step: Step, cases: Sequence[Case]) -> Iterator[str]:
    yield from (f"### {step.id}", "", f"{step.why[:1].upper()}{step.why[1:]}.", "")
    facts = [f"**{step.verb}**"]
    if step.within:
        facts.append(f"in {', '.join(f'`{scope}`' for scope in step.within)}")
    if step.not_in:
        facts.append(f"not in {', '.join(f'`{scope}`' for scope in step.not_in)}")
    if step.when is not None:
        facts.append(f"when {_condition(step.when)}")
    if step.requires:
        facts.append(f"with {', '.join(f'`{name}`' for name in step.requires)}")
    detail = f" ({step.effect.detail})" if step.effect.detail else ""
    yield f"{'; '.join(facts)}; effect: {step.effect.kind}{detail}."
    yield ""
    example = next((case for case in cases if case.after is not None), None)
    if example is not None:
        yield from ("```diff", *_diff(example), "```", "")


def _condition(condition: Condition) -> str:
    match condition.kind:
        case "parameter":
            return f"`{condition.names[0]}` is {' or '.join(f'`{name}`' for name in condition.names[1:])}"
        case "import":
            return f"a file imports {' or '.join(f'`{name}`' for name in condition.names)}"
        case "not":
            return f"not ({_condition(condition.inner[0])})"
    return (" or " if condition.kind == "any" else " and ").join(map(_condition, condition.inner))


def _diff(case: Case) -> Iterator[str]:
    after = {**case.before, **(case.after or {})}
    for path in sorted(after):
        old = case.before.get(path, b"").decode().splitlines()
        new = after[path].decode().splitlines()
        for line in difflib.unified_diff(old, new, lineterm="", n=CONTEXT):
            if not line.startswith(("--- ", "+++ ", "@@")):
                yield line


def _checks(recipe: Recipe) -> Iterator[str]:
    if recipe.checks:
        yield from ("## Checks", "", "| check | why | held to |", "|---|---|---|")
        for check in recipe.checks:
            held = f"`{check.golden}`: {_names(check.readings)}" if check.golden else _names(check.readings)
            yield f"| `{check.id}` | {_cell(check.why)} | {held} |"
        yield ""


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
