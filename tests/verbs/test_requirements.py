"""The verb `requirements`, on requirements files: what changes, and above all what does not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patcher.errors import PatternError, TargetError
from patcher.model import Edit, Effect, EffectKind, Expect, Scope, Site, Status, Step
from patcher.syntax.draft import Draft
from patcher.verbs.base import Findings
from patcher.verbs.requirements import Requirements
from tests.helpers import write_tree
from tests.verbs.checks import tree_plan

BOM = b"\xef\xbb\xbf"
HASH = "sha256:" + "a" * 64
REPLACE = {"replace": {"adam-atan2": "adam-atan2-pytorch>=0.1.18"}}
DROP = {"drop": ["flash-attn", "cuda-*"]}
LOOSEN = {"loosen": ["torch"]}
ADD = {"add": ["numpy"]}
SOURCE = "adam-atan2 @ git+https://x.org/adam.git@v1"

Files = dict[str, bytes]
Words = Mapping[str, Any]


class FakeDraft:
    """The part of a Draft that the verb sees, over a dict."""

    def __init__(self, files: Files, locked: str = "") -> None:
        self.files = files
        self.locked = locked
        self.paths = sorted(files)
        self.skipped: dict[str, str] = {}

    def in_scope(self, step: Step, path: str) -> bool:
        inside = not step.within or any(path == scope.path for scope in step.within)
        return inside and all(path != scope.path for scope in step.not_in)

    def read(self, path: str) -> bytes:
        if path == self.locked:
            raise TargetError(f"{path} could not be read: permission denied.")
        return self.files[path]


def a_step(within: str = "", not_in: str = "") -> Step:
    effect = Effect(EffectKind.ENABLES)
    scopes = tuple(Scope(path) for path in within.split())
    barred = tuple(Scope(path) for path in not_in.split())
    return Step("s", "requirements", "", effect, Expect(), "recipe.yaml:1:1", within=scopes, not_in=barred)


def run(files: Files, words: Words, within: str = "", not_in: str = "") -> list[Findings]:
    verb = Requirements.compile({"requirements": words})
    return list(verb.run(a_step(within, not_in), cast(Draft, FakeDraft(files))))


def applied(data: bytes, edits: list[Edit]) -> bytes:
    """Make edits by the rule of the draft: insertions first and in order, nothing twice, no overlap."""
    mark, text = (BOM, data[len(BOM) :]) if data.startswith(BOM) else (b"", data)
    parts, at = [mark], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        assert at <= edit.start <= edit.end <= len(text)
        parts += [text[at : edit.start], edit.text.encode()]
        at = edit.end
    return b"".join([*parts, text[at:]])


def after(files: Files, findings: list[Findings]) -> Files:
    result = dict(files)
    for one in findings:
        edits = [*one.edits, *(edit for site in one.sites for edit in site.edits)]
        result[one.path] = applied(files[one.path], edits)
    return result


def sites(findings: list[Findings]) -> list[Site]:
    return [site for one in findings for site in one.sites]


def statuses(findings: list[Findings]) -> list[str]:
    return [site.status.value for site in sites(findings)]


def check_transformed_tree(before: Files, expected: Files, words: Words, new: int = 1, within: str = "") -> None:
    findings = run(before, words, within)
    result = after(before, findings)
    assert result == expected
    assert statuses(findings).count("applied") == new
    assert [one.path for one in findings] == sorted(one.path for one in findings)
    again = run(result, words, within)
    assert statuses(again), "a second run must still prove the step"
    assert "applied" not in statuses(again)
    assert not any(site.edits for site in sites(again))


def check_transformed(before: str, expected: str, words: Words, new: int = 1) -> None:
    for mark in (b"", BOM):
        first, last = ({"requirements.txt": mark + text.encode()} for text in (before, expected))
        check_transformed_tree(first, last, words, new)


def check_noop_tree(files: Files, words: Words, *expected: str, within: str = "", not_in: str = "") -> list[Site]:
    findings = run(files, words, within, not_in)
    assert after(files, findings) == files
    assert not any(one.edits or site.edits for one in findings for site in one.sites)
    assert statuses(findings) == list(expected)
    for site in sites(findings):
        assert site.reason.endswith(".")
    return sites(findings)


def check_noop(text: str, words: Words, *expected: str) -> list[Site]:
    return check_noop_tree({"requirements.txt": text.encode()}, words, *expected)


# --- replace --------------------------------------------------------------------------------------------------------


def test_replace_takes_pin_extras_and_spelling() -> None:
    check_transformed(
        "torch\nAdam_Atan2[cuda] == 0.0.3\neinops\n", "torch\nadam-atan2-pytorch>=0.1.18\neinops\n", REPLACE
    )


def test_replace_leaves_marker_and_comment() -> None:
    check_transformed(
        "adam-atan2==0.0.3;python_version<'3.9'   # needs nvcc\n",
        "adam-atan2-pytorch>=0.1.18;python_version<'3.9'   # needs nvcc\n",
        REPLACE,
    )


def test_replace_takes_hashes_and_options() -> None:
    check_transformed(
        f"a==1\nadam-atan2==0.0.3 ; python_version<'3.9' \\\n    --hash={HASH} \\\n    --global-option=x  # c\nb\n",
        "a==1\nadam-atan2-pytorch>=0.1.18 ; python_version<'3.9'  # c\nb\n",
        REPLACE,
    )


@pytest.mark.parametrize(
    "source",
    [
        SOURCE,
        "git+https://x.org/a.git#egg=adam_atan2",
        "-e git+https://x.org/a.git#egg=adam-atan2",
        "./adam_atan2-1-py3-none-any.whl",
    ],
)
def test_replace_of_a_source(source: str) -> None:
    check_transformed(f"{source}  # c\n", "adam-atan2-pytorch>=0.1.18  # c\n", REPLACE)


def test_replace_by_a_source_keeps_the_marker_apart() -> None:
    check_transformed("a==1;python_version<'3'\n", f"{SOURCE} ;python_version<'3'\n", {"replace": {"a": SOURCE}})


def test_replace_leaves_line_ends_and_a_missing_newline() -> None:
    check_transformed("# é\r\ntorch\r\nadam-atan2", "# é\r\ntorch\r\nadam-atan2-pytorch>=0.1.18", REPLACE)


def test_replace_drops_the_old_where_the_new_is_listed() -> None:
    check_transformed("adam-atan2\nadam-atan2-pytorch==0.1\n", "adam-atan2-pytorch==0.1\n", REPLACE)


def test_replace_of_two_by_one_leaves_one() -> None:
    check_transformed("a>=1\nb\na<2\n", "c>=3\nb\n", {"replace": {"a": "c>=3"}}, new=2)


def test_replace_under_two_markers_leaves_both() -> None:
    check_transformed(
        "a; os_name=='nt'\na; os_name=='posix'\n", "c; os_name=='nt'\nc; os_name=='posix'\n", {"replace": {"a": "c"}}, 2
    )


def test_a_new_one_under_another_marker_does_not_stand_in() -> None:
    check_transformed("c; os_name=='nt'\na\n", "c; os_name=='nt'\nc\n", {"replace": {"a": "c"}})


def test_replace_brings_its_own_marker() -> None:
    check_transformed("a==1  # c\n", "c; os_name=='nt'  # c\n", {"replace": {"a": "c; os_name=='nt'"}})


def test_replace_sets_the_pin_of_the_same_name() -> None:
    check_transformed("Torch==2.0.1 --hash=a:b # c\n", "torch>=2.1 # c\n", {"replace": {"torch": "torch>=2.1"}})


def test_replace_by_a_glob_spares_the_new_name() -> None:
    check_transformed("flash-attn\nflash-attn-shim\n", "flash-attn-shim\n", {"replace": {"flash-*": "flash-attn-shim"}})


def test_replace_in_every_file_that_lists_it() -> None:
    check_transformed_tree(
        {"docs/requirements.txt": b"adam-atan2\n", "requirements.txt": b"-r gpu.lst\n", "gpu.lst": b"adam-atan2==1"},
        {
            "docs/requirements.txt": b"adam-atan2-pytorch>=0.1.18\n",
            "requirements.txt": b"-r gpu.lst\n",
            "gpu.lst": b"adam-atan2-pytorch>=0.1.18",
        },
        REPLACE,
        new=2,
    )


def test_replace_remarks_on_a_file_with_hashes() -> None:
    text = f"adam-atan2==1 --hash={HASH}\ntorch==2 --hash={HASH}\n"
    (site,) = sites(run({"requirements.txt": text.encode()}, REPLACE))
    assert site.status is Status.APPLIED
    assert "hashes" in site.reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "torch\n",
        "adam-atan2-extra\n",
        "# adam-atan2\n",
        "torch  # adam-atan2\n",
        "--find-links adam-atan2\n",
        "adam-atan\n",
    ],
)
def test_replace_of_what_is_not_listed(text: str) -> None:
    check_noop(text, REPLACE)


@pytest.mark.parametrize(
    "text", ["adam-atan2-pytorch\n", "Adam.Atan2_PyTorch==0.4.1 # c\n", "-e git+https://x#egg=adam-atan2-pytorch\n"]
)
def test_replace_is_there_already(text: str) -> None:
    check_noop(text, REPLACE, "already")


def test_the_same_requirement_in_other_words_is_there_already() -> None:
    check_noop("Torch >=2.1, <3 ; os_name=='nt'\n", {"replace": {"torch": "torch<3,>=2.1"}}, "already")


def test_replace_refuses_two_markers() -> None:
    (site,) = check_noop("a; os_name=='nt'\n", {"replace": {"a": "c; python_version<'3.9'"}}, "refused")
    assert site.reason.endswith("Replace a with c; python_version<'3.9' by hand.")


def test_replace_refuses_extras_in_a_constraints_file() -> None:
    check_noop_tree({"constraints.txt": b"a==1\n"}, {"replace": {"a": "c[x]"}}, "refused")


# --- drop -----------------------------------------------------------------------------------------------------------


def test_drop_takes_the_line_and_its_comment() -> None:
    check_transformed("# the build\nflash_attn==2.5  # slow\n\ntorch\n", "# the build\n\ntorch\n", DROP)


def test_drop_takes_the_continuations() -> None:
    check_transformed(f"a\nflash-attn==2 \\\r\n  --hash={HASH} \\\r\n  --hash={HASH}\r\nb\r\n", "a\nb\r\n", DROP)


def test_drop_takes_what_a_glob_means() -> None:
    check_transformed("cuda-python\ncuda\nCUDA_cudart==1\nxcuda-y\n", "cuda\nxcuda-y\n", DROP, new=2)


@pytest.mark.parametrize(
    "line",
    [
        "flash-attn @ https://x.org/y.whl",
        "git+https://x.org/y#egg=flash-attn",
        "-e git+https://x.org/y#egg=flash-attn",
        "flash-attn --no-build-isolation",
    ],
)
def test_drop_of_a_source(line: str) -> None:
    check_transformed(f"a\n{line}\nb\n", "a\nb\n", DROP)


def test_drop_of_the_last_line_leaves_the_one_before() -> None:
    check_transformed("torch\r\nflash-attn", "torch\r\n", DROP)


def test_drop_of_the_only_line() -> None:
    check_transformed("flash-attn\n", "", DROP)


def test_drop_in_a_constraints_file() -> None:
    check_transformed_tree(
        {"requirements.txt": b"-c pins.txt\n", "pins.txt": b"flash-attn==2\na\n"},
        {"requirements.txt": b"-c pins.txt\n", "pins.txt": b"a\n"},
        DROP,
    )


def test_a_name_wins_over_a_glob() -> None:
    check_transformed("nvidia-a\nnvidia-b\n", "c\n", {"replace": {"nvidia-a": "c"}, "drop": ["nvidia-*"]}, new=2)


@pytest.mark.parametrize(
    "text", ["", "torch\n", "# flash-attn\n", "flash-attn-extra\n", "xflash-attn\n", "torch # flash-attn\n"]
)
def test_drop_of_what_is_not_listed_is_done_already(text: str) -> None:
    (site,) = check_noop(text, {"drop": ["flash-attn"]}, "already")
    assert site.reason == "flash-attn is not listed, so there is nothing to drop."


def test_drop_is_done_already_in_one_file() -> None:
    files = {"a/requirements.txt": b"", "requirements.txt": b"", "requirements-dev.txt": b""}
    (one,) = run(files, {"drop": ["flash-attn"]})
    assert (one.path, statuses([one])) == ("requirements.txt", ["already"])


def test_drop_without_any_file_has_no_place() -> None:
    check_noop_tree({"train.py": b"flash-attn", "notes.txt": b"flash-attn"}, DROP)


@pytest.mark.parametrize(
    "line", ["-e ./flash-attn", "git+https://x.org/y/flash_attn.git@v2", "./flash-attn", "flash-attn needs nvcc"]
)
def test_drop_refuses_what_it_cannot_prove(line: str) -> None:
    (site,) = check_noop(f"a\n{line}\n", {"drop": ["flash-attn"]}, "refused")
    assert site.offset == 2
    assert site.reason.endswith("out by hand.")


# --- loosen ---------------------------------------------------------------------------------------------------------


def test_loosen_takes_the_pin_alone() -> None:
    check_transformed("Torch[x] ==2.0.1+cu118 ; os_name=='nt'  # c\n", "Torch[x] ; os_name=='nt'  # c\n", LOOSEN)


def test_loosen_takes_the_hashes_that_pip_wants_a_pin_for() -> None:
    check_transformed(f"torch==2 \\\n  --hash={HASH} \\\n  --hash={HASH}\na\n", "torch\na\n", LOOSEN)


def test_loosen_leaves_the_rest_of_the_file() -> None:
    check_transformed(
        "-i https://x.org\ntorch>=2,<3\ntorchvision==1\n", "-i https://x.org\ntorch\ntorchvision==1\n", LOOSEN
    )


@pytest.mark.parametrize(
    "text", ["torch\n", "torch[x] ; os_name=='nt'\n", "torch  # ==2\n", "torch --global-option=x\n"]
)
def test_loosen_is_done_already(text: str) -> None:
    check_noop(text, LOOSEN, "already")


@pytest.mark.parametrize("text", ["", "torchvision==2\n", "# torch==2\n", "pytorch==2\n"])
def test_loosen_of_what_is_not_listed(text: str) -> None:
    check_noop(text, LOOSEN)


@pytest.mark.parametrize(
    "line", ["torch @ https://x.org/t.whl", "-e git+https://x.org/t#egg=torch", "torch=2.0", "torch==2 --hash=a:b c"]
)
def test_loosen_refuses_what_is_no_pin(line: str) -> None:
    (site,) = check_noop(line, LOOSEN, "refused")
    assert site.reason.endswith("Take the pin off torch by hand.")


# --- add ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("torch\n", "torch\nnumpy\n"),
        ("torch", "torch\nnumpy"),
        ("torch\r\nx", "torch\r\nx\r\nnumpy"),
        ("torch\r\n", "torch\r\nnumpy\r\n"),
        ("", "numpy\n"),
        ("# nothing yet\n\n", "# nothing yet\n\nnumpy\n"),
        ("# numpy \\", "# numpy \\\nnumpy"),
        ("numpy-quaternion\n# numpy\n", "numpy-quaternion\n# numpy\nnumpy\n"),
    ],
)
def test_add_is_a_new_last_line(before: str, expected: str) -> None:
    check_transformed(before, expected, ADD)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_add_keeps_the_order_of_the_recipe(end: str) -> None:
    newline = end or "\n"
    words = {"add": ["numpy>=1.20", "einops"]}
    check_transformed(f"torch{end}", f"torch{newline}numpy>=1.20{newline}einops{end}", words, new=2)


def test_add_behind_a_last_line_that_goes() -> None:
    check_transformed("a\nflash-attn", "a\nnumpy\neinops", {"drop": ["flash-attn"], "add": ["numpy", "einops"]}, new=3)
    check_transformed("flash-attn", "numpy", {"drop": ["flash-attn"], **ADD}, new=2)


def test_add_goes_where_the_step_is_at_home() -> None:
    check_transformed_tree(
        {"requirements.txt": b"tqdm\n", "train/requirements.txt": b"torch==1\n"},
        {"requirements.txt": b"tqdm\n", "train/requirements.txt": b"torch\nnumpy\n"},
        {**LOOSEN, **ADD},
        new=2,
    )


def test_add_goes_to_the_top_most_file() -> None:
    check_transformed_tree(
        {"a/requirements.txt": b"", "requirements.txt": b"", "requirements-dev.txt": b""},
        {"a/requirements.txt": b"", "requirements.txt": b"numpy\n", "requirements-dev.txt": b""},
        ADD,
    )


def test_add_goes_to_a_file_at_the_top_before_a_requirements_file_below() -> None:
    for path, before, after in (
        ("pyproject.toml", b"[project]\ndependencies = []\n", b'[project]\ndependencies = ["numpy"]\n'),
        ("setup.py", b"setup(install_requires=[])\n", b'setup(install_requires=["numpy"])\n'),
    ):
        below = {"sub/requirements.txt": b"torch\n"}
        check_transformed_tree({path: before, **below}, {path: after, **below}, ADD)


def test_add_goes_to_the_only_file() -> None:
    check_transformed_tree({"reqs.txt": b"a\n"}, {"reqs.txt": b"a\nnumpy\n"}, ADD)


def test_add_keeps_to_its_scope() -> None:
    before = {"requirements.txt": b"numpy\n", "b/requirements.txt": b""}
    check_transformed_tree(before, {**before, "b/requirements.txt": b"numpy\n"}, ADD, within="b/requirements.txt")


def test_a_constraint_installs_nothing() -> None:
    before = {"requirements.txt": b"-c pins.txt", "pins.txt": b"numpy==1\n"}
    check_transformed_tree(before, {**before, "requirements.txt": b"-c pins.txt\nnumpy"}, ADD)


def test_add_next_to_a_replacement_that_brings_it() -> None:
    check_transformed("a\n", "numpy>=2\n", {"replace": {"a": "numpy>=2"}, **ADD})


@pytest.mark.parametrize(
    "text", ["numpy\n", "NumPy==1.26  # c\n", "numpy ; os_name=='nt'", "-e git+https://x.org/n#egg=numpy"]
)
def test_add_is_there_already(text: str) -> None:
    check_noop(text, ADD, "already")


def test_add_is_there_already_in_another_file() -> None:
    check_noop_tree({"requirements.txt": b"torch\n-r x/base.txt", "x/base.txt": b"numpy"}, ADD, "already")


def test_add_without_any_file_has_no_place() -> None:
    check_noop_tree({"train.py": b"import numpy", "constraints.txt": b"numpy"}, ADD)


def test_add_without_any_file_is_told(tmp_path: Path) -> None:
    (outcome,) = tree_plan({"requirements": ADD}, write_tree(tmp_path, {"train.py": "import numpy\n"})).outcomes
    assert outcome.status is Status.ABSENT
    assert outcome.reason == "No file here lists requirements, so there is none to add numpy to."


@pytest.mark.parametrize("words", [{"add": ["b>=2"]}, {"replace": {"a": "b>=2"}}])
@pytest.mark.parametrize("listed", ["b==1", "b<2  # c", "B ~= 1.4; os_name == 'nt'"])
def test_a_version_that_rules_out_the_one_that_is_wanted_is_told(words: Words, listed: str) -> None:
    (site,) = check_noop(f"{listed}\n", words, "refused")
    assert site.reason.endswith(" is listed, and b>=2 is wanted. Change it by hand.")


@pytest.mark.parametrize("words", [{"add": ["b>=2"]}, {"replace": {"a": "b>=2"}}])
@pytest.mark.parametrize("listed", ["b", "b==2.1", "b>=1,<3", "b @ https://x.org/b.whl"])
def test_a_version_that_allows_the_one_that_is_wanted_is_there_already(words: Words, listed: str) -> None:
    check_noop(f"{listed}\n", words, "already")


def test_add_refuses_to_choose() -> None:
    (site,) = check_noop_tree({"a/requirements.txt": b"x", "b/requirements.txt": b"y"}, ADD, "refused")
    assert "a/requirements.txt and b/requirements.txt" in site.reason


def test_add_refuses_to_stand_behind_a_backslash() -> None:
    check_noop("torch \\", ADD, "refused")
    check_noop("torch \\\n", ADD, "refused")


# --- all of them ----------------------------------------------------------------------------------------------------

HRM = "torch\nadam-atan2\neinops\ntqdm\ncoolname\npydantic\nargdantic\nwandb\nomegaconf\nhydra-core\nhuggingface_hub\n"


def test_hrm_in_one_step_and_in_two() -> None:
    expected = HRM.replace("adam-atan2", "adam-atan2-pytorch>=0.1.18") + "numpy\n"
    check_transformed(HRM, expected, {**REPLACE, **ADD}, new=2)
    first = after({"requirements.txt": HRM.encode()}, run({"requirements.txt": HRM.encode()}, REPLACE))
    assert after(first, run(first, ADD)) == {"requirements.txt": expected.encode()}


def test_every_word_at_once() -> None:
    check_transformed(
        "# top\r\n--extra-index-url https://x.org\r\ntorch==2.0\r\nadam-atan2==1 # a\r\nflash-attn # b\r\n",
        "# top\r\n--extra-index-url https://x.org\r\ntorch\r\nadam-atan2-pytorch>=0.1.18 # a\r\nnumpy\r\n",
        {**REPLACE, "drop": ["flash-attn"], **LOOSEN, **ADD},
        new=4,
    )


def test_files_out_of_scope_are_left() -> None:
    files = {"requirements.txt": b"adam-atan2", "x/requirements.txt": b""}
    check_noop_tree(files, REPLACE, within="x/requirements.txt")
    check_noop_tree(files, REPLACE, not_in="requirements.txt")


def test_a_file_out_of_scope_still_leads_to_others() -> None:
    before = {"requirements.txt": b"-r gpu.lst\nadam-atan2", "gpu.lst": b"adam-atan2"}
    check_transformed_tree(before, {**before, "gpu.lst": b"adam-atan2-pytorch>=0.1.18"}, REPLACE, within="gpu.lst")


@pytest.mark.parametrize("path", ["deps", "notes/deps.list", "deps.pip", "deps.txt"])
def test_a_list_of_any_name_is_one_where_the_scope_names_it(path: str) -> None:
    text = b"-i https://x.org/simple\n# the optimizer\n-r other\nadam-atan2>=0.0.3; python_version < '3.9'  # CUDA\n"
    changed = text.replace(b"adam-atan2>=0.0.3", b"adam-atan2-pytorch>=0.1.18")
    check_transformed_tree({path: text}, {path: changed}, REPLACE, within=path)
    check_noop_tree({path: text}, REPLACE)
    check_noop_tree({path: text}, REPLACE, within=path.replace("deps", "*"))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", b"adam-atan2\n"),
        ("a.py", b"import adam_atan2\n"),
        ("a.ipynb", b"adam-atan2\n"),
        ("Dockerfile", b"FROM python\nRUN pip install adam-atan2\n"),
        ("README", b"Install it:\n\nadam-atan2\n"),
        ("conda.lock", b"- adam-atan2\n- numpy\n"),
        ("deps.ini", b"[deps]\nadam-atan2\n"),
    ],
)
def test_what_the_scope_names_and_is_no_list_is_told(path: str, text: bytes) -> None:
    draft = FakeDraft({path: text})
    verb = Requirements.compile({"requirements": REPLACE})
    assert list(verb.run(a_step(path), cast(Draft, draft))) == []
    assert draft.skipped == {
        path: f"{path} lists no requirements in a format that is known; take it out of `in`, or edit it by hand."
    }
    assert list(verb.run(a_step("gone"), cast(Draft, other := FakeDraft({path: text})))) == []
    assert other.skipped == {}


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_another_encoding_is_refused_by_name(encoding: str) -> None:
    data = "# é\nflash-attn==2\nnumpy\n".encode(encoding)
    refused, already = check_noop_tree(
        {"requirements.txt": data}, {"drop": ["flash-attn"], **ADD}, "refused", "already"
    )
    assert (refused.offset, already.offset) == (0, 0)
    assert "Take flash-attn out by hand." in refused.reason


def test_another_encoding_is_of_no_matter_without_the_name() -> None:
    check_noop_tree({"requirements.txt": "# é\ntorch\n".encode("latin-1")}, REPLACE)


def test_nothing_is_added_to_another_encoding() -> None:
    check_noop_tree({"requirements.txt": "# é\ntorch\n".encode("latin-1")}, ADD, "refused")


def test_a_file_that_cannot_be_read_is_passed_over_and_told() -> None:
    draft = FakeDraft({"requirements.txt": b"adam-atan2", "x/requirements.txt": b""}, locked="x/requirements.txt")
    verb = Requirements.compile({"requirements": REPLACE})
    assert statuses(list(verb.run(a_step(), cast(Draft, draft)))) == ["applied"]
    assert list(draft.skipped) == ["x/requirements.txt"]
    with pytest.raises(TargetError):
        list(verb.run(a_step("x/requirements.txt"), cast(Draft, draft)))


# --- the recipe -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "at", "message"),
    [
        ({"replce": {"a": "b"}}, ("replce",), "did you mean `replace`?"),
        ({"remove": ["a"]}, ("remove",), "has no word `remove`"),
        ({"drop": []}, ("drop",), "names nothing"),
        ({"drop": {"a": "b"}}, ("drop",), "wants a list"),
        ({"replace": ["a"]}, ("replace",), "wants a map"),
        ({"drop": ["a", "torch==2"]}, ("drop", 1), "not the name of a package"),
        ({"loosen": ["torch[x]"]}, ("loosen", 0), "not the name of a package"),
        ({"drop": ["*"]}, ("drop", 0), "would mean any package"),
        ({"add": ["numpy>>1"]}, ("add", 0), "not a requirement that pip can read"),
        ({"add": ["numpy\ntorch"]}, ("add", 0), "on one line"),
        ({"replace": {"a": "b --hash=x"}}, ("replace", "a"), "not a requirement that pip can read"),
        ({"replace": {"a b": "c"}}, ("replace", "a b"), "not the name of a package"),
        ({"drop": ["flash-attn", "flash_attn"]}, ("drop", 1), "named twice"),
        ({"drop": ["torch"], "loosen": ["Torch"]}, ("loosen", 0), "named twice"),
        ({"add": ["numpy", "NumPy>1"]}, ("add", 1), "named twice"),
        ({"replace": {"a": "cuda-x"}, "drop": ["cuda-*"]}, ("drop",), "would take it again"),
        ({"replace": {"a": "b", "b": "c"}}, ("replace",), "would take it again"),
        ({"add": ["torch>=2"], "loosen": ["torch"]}, ("loosen",), "would take it again"),
        ({}, (), "wants a map"),
    ],
)  # fmt: skip
def test_a_wrong_recipe_says_where(words: Words, at: tuple[str | int, ...], message: str) -> None:
    with pytest.raises(PatternError) as caught:
        Requirements.compile({"requirements": words})
    assert caught.value.at == ("requirements", *at)
    assert message in str(caught.value)
    assert str(caught.value).endswith((".", "?"))


@pytest.mark.parametrize(
    "words",
    [
        {"drop": "flash-attn"},
        {"drop": ("flash-attn", "nvidia-*", "cuda-?")},
        {"add": ["torch"], "loosen": ["torch"]},
        {"replace": {"torch": "torch>=2.1"}},
        {"replace": {"flash-*": "flash-attn-shim[x]>=1; os_name=='nt'"}},
    ],
)
def test_a_right_recipe_compiles(words: Words) -> None:
    assert Requirements.compile({"requirements": words}).wishes


# --- properties -----------------------------------------------------------------------------------------------------

NAMES = [
    "torch",
    "Torch",
    "adam-atan2",
    "adam_atan2",
    "adam-atan2-pytorch",
    "adam-atan2-x",
    "flash.attn",
    "cuda-x",
    "numpy",
    "é",
]
PINS = [
    "",
    "==1",
    " >=1, <2",
    "[x]",
    "[x]~=1.0",
    " @ https://x.org/a#b",
    "=1",
    f"==1 \\\n  --hash={HASH}",
    " --hash=a:b",
]
TAILS = ["", " ; os_name=='nt'", ";os_name=='posix'", "  # c é", " \\", " #", "\t# flash-attn \\"]
REQUIREMENTS = st.builds("".join, st.tuples(*map(st.sampled_from, (NAMES, PINS, TAILS))))
OTHERS = [
    "",
    "  ",
    "# torch==1",
    "    # via x",
    "    #   y",
    "-r x.txt",
    "-e ./torch",
    "git+https://x/y#egg=cuda-y",
    "\\",
    "-i x",
    "\x0c",
]
LINES = st.one_of(REQUIREMENTS, st.sampled_from(OTHERS))
ENDS = st.sampled_from(["\n", "\n", "\r\n", "\r"])
TEXTS = st.builds(
    lambda pairs, last: "".join(line + end for line, end in pairs) + last,
    st.lists(st.tuples(LINES, ENDS), max_size=8),
    LINES,
)
WORDS = st.fixed_dictionaries(
    {},
    optional={
        "replace": st.sampled_from([{"adam-atan2": "adam-atan2-pytorch>=0.1.18"}, {"adam-*": "z @ https://x.org/z"}]),
        "drop": st.sampled_from([["flash-attn"], ["cuda-*", "flash-attn"]]),
        "loosen": st.just(["torch"]),
        "add": st.sampled_from([["numpy"], ["einops>=1", "numpy"]]),
    },
).filter(bool)


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, words=WORDS, mark=st.sampled_from([b"", BOM]))
@example(text="flash-attn", words={"drop": ["flash-attn"], "add": ["numpy"]}, mark=b"")
@example(text="torch==1 \\\n\n    # via x", words=LOOSEN, mark=BOM)
def test_only_what_is_named_changes_and_only_once(text: str, words: Words, mark: bytes) -> None:
    files = {"requirements.txt": mark + text.encode()}
    findings = run(files, words)
    edits = sorted((edit for site in sites(findings) for edit in site.edits), key=lambda edit: (edit.start, edit.end))
    result = after(files, findings)
    # Walk the result along the edits: whatever no edit covers is there byte for byte.
    body, rest = text.encode(), result["requirements.txt"].removeprefix(mark)
    at = 0
    for edit in edits:
        kept = body[at : edit.start] + edit.text.encode()
        assert rest.startswith(kept)
        rest, at = rest[len(kept) :], edit.end
    assert rest == body[at:]
    assert all(bool(site.edits) == (site.status is Status.APPLIED) for site in sites(findings))
    again = run(result, words)
    assert "applied" not in statuses(again)
    assert statuses(again).count("refused") == statuses(findings).count("refused")
