"""What a recipe says: intention, validated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

__all__ = [
    "Check",
    "Condition",
    "Effect",
    "EffectKind",
    "Expect",
    "Flaw",
    "Hint",
    "Parameter",
    "Proof",
    "Range",
    "Recipe",
    "Scope",
    "Sizing",
    "Step",
    "Upstream",
]


def _nothing() -> Mapping[str, Any]:
    """Return an empty mapping that nobody can fill."""
    return MappingProxyType({})


class EffectKind(StrEnum):
    """What a step does to the numbers, on the device class and packages of the recipe's checks."""

    ENABLES = "enables"
    EXACT = "exact"
    CHANGES = "changes"
    UNREACHED = "unreached"


@dataclass(frozen=True, slots=True)
class Effect:
    """The claim of a step. `detail` says why and by how much; `avoid` are parameter values without the effect.

    `avoid` is in the parameters of the recipe that the user named, also for a step that came through `use`.
    """

    kind: EffectKind
    detail: str = ""
    avoid: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Range:
    """From `lower` to `upper` inclusive; `upper` None is without limit."""

    lower: int = 0
    upper: int | None = None

    def __str__(self) -> str:
        if self.upper is None:
            return f"at least {self.lower}" if self.lower else "any number"
        return str(self.lower) if self.lower == self.upper else f"{self.lower} to {self.upper}"


@dataclass(frozen=True, slots=True)
class Expect:
    """How many sites a step counts on: in `total`, in `each` file that has one, and in how many `files`."""

    total: Range = Range()
    each: Range | None = None
    files: Range | None = None

    def __str__(self) -> str:
        """Say it in words."""
        each = f", {self.each} in each file" if self.each else ""
        return f"{self.total}{each}" + (f", in {self.files} files" if self.files else "")


@dataclass(frozen=True, slots=True)
class Scope:
    """One entry of `in` or `not_in`: a glob of paths and, behind `::`, a glob of qualified names.

    `also` is a scope that a place must be in as well: a `use` has narrowed the entry, and no one glob says both. Then
    either both name something behind `::` or neither.
    """

    path: str
    qualname: str | None = None
    also: Scope | None = None

    @property
    def parts(self) -> tuple[Scope, ...]:
        """The scope itself and those behind `also`; a place must match path and name of each."""
        return (self, *(self.also.parts if self.also else ()))

    def __str__(self) -> str:
        own = self.path if self.qualname is None else f"{self.path}::{self.qualname}"
        return f"{own} and {self.also}" if self.also else own


@dataclass(frozen=True, slots=True)
class Condition:
    """A `when`: tested as the step is reached.

    `kind` is `parameter` (names: parameter, wanted value; `holds` was decided at load), `import` (one of the dotted
    names is imported in the checkout), or `not`, `any`, `all` over `inner`.
    """

    kind: str
    names: tuple[str, ...] = ()
    inner: tuple[Condition, ...] = ()
    holds: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that the user may set with `-p NAME=VALUE`; the default makes the recipe complete without it."""

    name: str
    type: str
    default: str
    choices: tuple[str, ...] = ()
    help: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """How a step's equality is proved: `of` is a function or class that both sides have, `cases` Python that runs it.

    `cases` is a path below the folder of the recipe that the step stands in.
    """

    of: Scope
    cases: str


@dataclass(frozen=True, slots=True)
class Step:
    """One verb with its id, reason, scope, expectation and claim.

    `arguments` are the verb's own keys as the recipe has them, parameters already filled in: text, lists and maps of
    text. `action` is what the verb compiled from them (see `patcher.verbs`). `origin` is `file:line:column` in the
    recipe.
    """

    id: str
    verb: str
    why: str
    effect: Effect
    expect: Expect
    origin: str
    arguments: Mapping[str, Any] = field(default_factory=_nothing)
    action: Any = None
    within: tuple[Scope, ...] = ()
    not_in: tuple[Scope, ...] = ()
    when: Condition | None = None
    requires: tuple[str, ...] = ()
    optional: bool = False
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the tree comes from, and the commits (40 digits each) that the recipe was tried on."""

    repository: str
    tested: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A run of the patched tree with readings and a golden.

    `run` are the words of the upstream's own command, `prepare` a script beside the recipe that makes its data, `limit`
    seconds. `readings` are how many of each are wanted, counted from one. `golden` is a file beside the recipe;
    `reference` names what stands in, while it is recorded, for the code that it judges, and `without` the steps that
    the tree is then without. Without its `packages` in the
    interpreter, its `programs` on PATH, its `files` in the tree and a `device` of its class it is not run. `perturb`:
    parameters that begin as zero get noise, because behind a zero gate no difference is seen. `seed` is what the random
    numbers of every process of the run begin with; None leaves them as they are.
    """

    id: str
    why: str
    run: tuple[str, ...] = ()
    origin: str = ""
    prepare: str | None = None
    environment: Mapping[str, str] = field(default_factory=_nothing)
    limit: float = 600.0
    readings: Mapping[str, Range] = field(default_factory=_nothing)
    golden: str | None = None
    packages: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    device: str = "cpu"
    reference: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    perturb: bool = False
    files: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Sizing:
    """A run at full size that is measured and not compared: what it needs of memory and time.

    `check` trains at any batch size, by `{batch}` in its `run`. `batch` is what the upstream asks for, in `steps` steps
    of the optimizer.
    """

    check: Check
    batch: int
    steps: int


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong in the upstream and is not the recipe's to mend: what `pattern` finds in files of these globs."""

    why: str
    paths: tuple[str, ...]
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Hint:
    """A command that the user runs next in the checkout, and what it is for. `{tree}` in it stands for `.`.

    `makes` is a glob of files in the checkout of which there is one once the command has run.
    """

    run: str
    why: str
    makes: str | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a person wrote, validated, with the steps of used recipes in place and parameters filled in.

    `folder` is the recipe's own folder, `digest` the SHA-256 over the texts of this recipe and all it uses. `source` is
    where a recipe from elsewhere was taken from: `url`, `commit` and `sha256`.
    """

    name: str
    summary: str
    folder: str
    digest: str
    steps: tuple[Step, ...]
    upstream: Upstream | None = None
    parameters: tuple[Parameter, ...] = ()
    values: Mapping[str, str] = field(default_factory=_nothing)
    leave: Mapping[str, str] = field(default_factory=_nothing)
    checks: tuple[Check, ...] = ()
    sizes: tuple[Sizing, ...] = ()
    next: tuple[Hint, ...] = ()
    known: tuple[Flaw, ...] = ()
    bundled: bool = False
    source: Mapping[str, str] = field(default_factory=_nothing)
