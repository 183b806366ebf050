"""pip's requirements files: what a line lists, where it stands, and which files there are."""

from __future__ import annotations

import pytest

from patcher.files.requirement_line import parse
from patcher.files.requirements import Entry, Include, canonical, decode, matches, newline_of, position
from patcher.files.requirements_tree import find
from patcher.files.requirements_txt import claims, read

HASH = "sha256:" + "a" * 64


def listed(text: str) -> list[tuple[str, str, str]]:
    """Return name, requirement and dropped text of each entry."""
    entries = read(text).entries
    return [(entry.name, text[slice(*entry.span)], text[slice(*entry.line)]) for entry in entries]


def only(line: str) -> Entry:
    found = parse(line)
    assert isinstance(found, Entry)
    return found


def loosened(line: str) -> str:
    for start, end, text in sorted(only(line).pins, reverse=True):
        line = line[:start] + text + line[end:]
    return line


# --- one line -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "",
        "   ",
        "# flash-attn",
        "   # flash-attn==2.0",
        "--extra-index-url https://download.pytorch.org/whl/cu118",
        "-i https://index.example/simple  # flash-attn",
        "--find-links ./flash-attn",
        "--no-binary flash-attn",
        "--require-hashes",
        "=== 1.0",
        "${PACKAGE}==1.0",
        "-e",
    ],
)
def test_a_line_that_lists_nothing(line: str) -> None:
    assert parse(line) is None


@pytest.mark.parametrize(
    ("line", "name", "requirement"),
    [
        ("torch", "torch", "torch"),
        ("  Adam_Atan2 == 0.0.3  # fast", "adam-atan2", "Adam_Atan2 == 0.0.3"),
        ("adam.atan2[cuda, x]>=1,<2;python_version<'3.9'", "adam-atan2", "adam.atan2[cuda, x]>=1,<2"),
        ("zope.interface (>=4.0)", "zope-interface", "zope.interface (>=4.0)"),
        ("torch==${TORCH_VERSION}", "torch", "torch==${TORCH_VERSION}"),
        ("torch>=1.13.*", "torch", "torch>=1.13.*"),
        ("torch==2.0.1+cu118 --hash=" + HASH, "torch", "torch==2.0.1+cu118"),
        ("flash-attn --no-build-isolation", "flash-attn", "flash-attn"),
        ("flash-attn @ https://x.org/a#b ; python_version<'3'", "flash-attn", "flash-attn @ https://x.org/a#b"),
        ("flash_attn[x]@git+https://x.org/y.git@v2", "flash-attn", "flash_attn[x]@git+https://x.org/y.git@v2"),
        ("git+https://x.org/y.git#egg=flash_attn  # c", "flash-attn", "git+https://x.org/y.git#egg=flash_attn"),
        ("git+ssh://git@x/y@v1#subdirectory=a&egg=b[c]", "b", "git+ssh://git@x/y@v1#subdirectory=a&egg=b[c]"),
        ("-e git+https://x.org/y@v2#egg=flash-attn", "flash-attn", "-e git+https://x.org/y@v2#egg=flash-attn"),
        ("--editable=git+https://x/y#egg=flash-attn # c", "flash-attn", "--editable=git+https://x/y#egg=flash-attn"),
        ("https://x.org/a;b/flash_attn-2.5%2Bcu122-cp310-cp310-linux_x86_64.whl; python_version<'3.11'", "flash-attn",
         "https://x.org/a;b/flash_attn-2.5%2Bcu122-cp310-cp310-linux_x86_64.whl"),
        ("./wheels/flash_attn-2.5.8-cp310-cp310-linux_x86_64.whl", "flash-attn",
         "./wheels/flash_attn-2.5.8-cp310-cp310-linux_x86_64.whl"),
        ("https://x/flash-attn-2.5.8.tar.gz#" + HASH, "flash-attn", "https://x/flash-attn-2.5.8.tar.gz#" + HASH),
    ],
)  # fmt: skip
def test_a_line_that_names_a_package(line: str, name: str, requirement: str) -> None:
    entry = only(line)
    assert (entry.name, line[slice(*entry.span)]) == (name, requirement)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("git+https://github.com/Dao-AILab/flash-attn.git@v2.5", "flash-attn"),
        ("-e ./flash_attn", "flash-attn"),
        ("./vendor/flash-attn[x]", "flash-attn"),
        ("https://github.com/Dao-AILab/flash-attn/archive/main.zip", "flash-attn"),
    ],
)
def test_a_line_that_only_suggests_a_package(line: str, hint: str) -> None:
    entry = only(line)
    assert entry.name == ""
    assert hint in entry.hints


@pytest.mark.parametrize(
    ("line", "path", "constraint"),
    [
        ("-r base.txt", "base.txt", False),
        ("-rbase.txt  # all", "base.txt", False),
        ("--requirement=base.txt", "base.txt", False),
        ('--requirement "my base.txt"', "my base.txt", False),
        ("-c ../constraints.txt", "../constraints.txt", True),
        ("--constraint c.txt", "c.txt", True),
    ],
)
def test_a_line_that_includes_a_file(line: str, path: str, constraint: bool) -> None:
    assert parse(line) == Include(path, constraint)


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("torch", "torch"),
        ("torch  # == 2", "torch  # == 2"),
        ("torch[x]; python_version<'3'", "torch[x]; python_version<'3'"),
        ("torch==2.0.1+cu118", "torch"),
        ("torch[x] >= 2, < 3 ; python_version<'3'  # c", "torch[x] ; python_version<'3'  # c"),
        ("torch (>=2)", "torch"),
        ("torch==2 --hash=a:b --global-option=x --hash=c:d", "torch --global-option=x"),
        ("torch==2 ; a --hash a:b  # c", "torch ; a  # c"),
    ],
)
def test_what_loosening_leaves(line: str, after: str) -> None:
    assert loosened(line) == after


@pytest.mark.parametrize("line", ["flash-attn needs CUDA", "torch=2.0.1", "torch 2.0", "torch=>2", "torch --hash=a b"])
def test_a_line_that_pip_cannot_read_is_not_edited(line: str) -> None:
    assert set(only(line).cannot) == {"replace", "drop", "loosen"}


@pytest.mark.parametrize(
    "line", ["torch @ https://x.org/torch.whl", "git+https://x.org/t#egg=torch", "-e git+https://x/t#egg=torch"]
)
def test_a_url_is_no_pin(line: str) -> None:
    assert set(only(line).cannot) == {"loosen"}


def test_two_spellings_of_a_marker_are_one() -> None:
    assert only('a; python_version<"3.9"').marker == only("b ;  python_version < '3.9'  # c").marker != ""


# --- a file ---------------------------------------------------------------------------------------------------------


def test_continuations_belong_to_their_line() -> None:
    text = f"a==1 \\\n    --hash={HASH} \\\n    --hash={HASH}\nb\n"
    assert listed(text) == [("a", "a==1", text[: text.index("b\n")]), ("b", "b", "b\n")]


def test_a_comment_line_ends_no_continuation_of_its_own() -> None:
    assert listed("# a \\\nb\n") == [("b", "b", "b\n")]


def test_a_comment_swallows_the_line_it_continues_to() -> None:
    assert listed("a # c \\\nb\nd\n") == [("a", "a", "a # c \\\nb\n"), ("d", "d", "d\n")]


def test_a_blank_behind_the_backslash_continues_nothing() -> None:
    assert [name for name, _, _ in listed("a \\ \nb\n")] == ["a", "b"]


def test_a_name_may_be_broken_by_a_backslash() -> None:
    assert listed("ad\\\r\nam==1\r\nb") == [("adam", "ad\\\r\nam==1", "ad\\\r\nam==1\r\n"), ("b", "b", "b")]


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\r", "\x0c", "\u2028"])
def test_lines_end_where_pip_ends_them(separator: str) -> None:
    assert [line for _, _, line in listed(f"a{separator}b")] == [f"a{separator}", "b"]


def test_what_pip_compile_wrote_below_a_line_goes_with_it() -> None:
    text = "a==1\n    # via\n    #   -r x.in\n    #   b\n# own\nb==1\n    # by hand\n"
    assert [line for _, _, line in listed(text)] == [text[: text.index("# own")], "b==1\n"]


def test_a_via_comment_behind_a_continuation_goes_whole() -> None:
    text = f"a==1 \\\n    --hash={HASH} \\\n    # via\n    #   b\nc\n"
    assert [line for _, _, line in listed(text)] == [text[:-2], "c\n"]


def test_hashes_elsewhere_are_remarked() -> None:
    assert read(f"a==1 --hash={HASH}\nb==1 --hash={HASH}\n").remark
    assert read("--require-hashes\na\n").remark
    assert not read("a==1  # --hash=x\n# --require-hashes\n").remark


# --- the tree -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "requirements.txt", "requirements-dev.txt", "dev_requirements.txt", "Requirements.txt", "requirements.in",
        "requirement.txt", "reqs.txt", "req-gpu.txt", "docs/requirements.txt", "requirements/a.txt", "constraints.txt",
    ],
)  # fmt: skip
def test_names_of_requirements_files(path: str) -> None:
    assert claims(path)


@pytest.mark.parametrize(
    "path",
    [
        "requirements.py",
        "requirements.md",
        "requests.txt",
        "frequency.txt",
        "notes.txt",
        "x/requires.txt",
        "requirements",
    ],
)
def test_names_of_other_files(path: str) -> None:
    assert not claims(path)


def found(files: dict[str, str], named: tuple[str, ...] = ()) -> dict[str, bool]:
    """Return the files that list requirements in their order, and whether each is a constraints file."""
    files_ = {path: text.encode() for path, text in files.items()}
    return {file.path: file.constraint for file in find(files_, files_.__getitem__, named)}


def test_files_are_reached_through_others() -> None:
    files = {
        "requirements.txt": "-r deps/a.txt\n-c deps/pins.txt",
        "deps/a.txt": "-r b.lst",
        "deps/b.lst": "",
        "deps/pins.txt": "",
    }
    assert found(files) == {"requirements.txt": False, "deps/a.txt": False, "deps/b.lst": False, "deps/pins.txt": True}


def test_files_may_include_each_other() -> None:
    assert list(found({"requirements/a.txt": "-r b.txt", "requirements/b.txt": "-r a.txt"})) == [
        "requirements/a.txt", "requirements/b.txt",
    ]  # fmt: skip


def test_what_is_required_anywhere_is_no_constraint() -> None:
    files = {
        "requirements-dev.txt": "-c requirements.txt",
        "requirements.txt": "-r constraints.txt",
        "constraints.txt": "",
    }
    assert set(found(files).values()) == {False}


def test_what_lies_outside_the_tree_is_not_looked_at() -> None:
    assert found({"requirements.txt": "-r ../x.txt\n-r https://x.org/r.txt\n-r /etc/r.txt\n-r gone.txt"}) == {
        "requirements.txt": False
    }


def test_a_file_that_the_scope_names_is_one() -> None:
    assert found({"deps.txt": "", "notes.txt": ""}, ("deps.txt",)) == {"deps.txt": False}


def test_the_top_most_comes_first() -> None:
    files = {"a/requirements.txt": "", "requirements-dev.txt": "", "requirements.txt": "", "setup.py": "deps = ['a']"}
    assert list(found(files)) == ["requirements.txt", "requirements-dev.txt", "setup.py", "a/requirements.txt"]


# --- small things ---------------------------------------------------------------------------------------------------


def test_names_have_one_spelling() -> None:
    assert canonical("Adam_.-Atan2") == "adam-atan2"
    assert matches("cuda-*", "cuda-cudart")
    assert not matches("cuda-*", "cuda")
    assert not matches("adam-atan2", "adam-atan2-extra")


def test_a_byte_order_mark_counts_nowhere() -> None:
    assert decode(b"\xef\xbb\xbfa") == ("a", "")


@pytest.mark.parametrize("data", ["# é\na".encode("latin-1"), "a".encode("utf-16")])
def test_other_encodings_are_told(data: bytes) -> None:
    text, reason = decode(data)
    assert "a" in text
    assert "not UTF-8" in reason or "UTF-16" in reason


def test_offsets_count_bytes() -> None:
    assert position("# é\na", 4) == 5


def test_the_last_line_end_is_the_one_to_use() -> None:
    assert (newline_of(""), newline_of("a\nb\r\nc"), newline_of("a\r\nb\n")) == ("\n", "\r\n", "\n")
