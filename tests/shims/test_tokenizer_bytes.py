"""tokenizer_bytes: the tokenizer that is asked for where it has tokens, else one of bytes."""

from __future__ import annotations

import ast
import importlib
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.helpers import ROOT

SHIMS = ROOT / "recipes" / "shims"


@pytest.fixture
def shim(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(SHIMS))
    sys.modules.pop("tokenizer_bytes", None)
    yield importlib.import_module("tokenizer_bytes")
    sys.modules.pop("tokenizer_bytes", None)


@pytest.fixture
def made(shim: Any) -> Any:
    return shim.ByteTokenizer()


class Found:
    """A class of transformers whose tokenizers have so many tokens, or cannot be loaded."""

    def __init__(self, size: int, error: Exception | None = None) -> None:
        self.vocab_size, self.error, self.asked = size, error, ()

    def from_pretrained(self, *arguments: object, **options: object) -> Found:
        self.asked = (arguments, options)
        if self.error:
            raise self.error
        return self


# --- which one --------------------------------------------------------------------------------------------------------


def test_a_tokenizer_with_tokens_is_the_one_that_is_used(shim: Any) -> None:
    kind = Found(50257)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert shim.load_tokenizer(kind, "gpt2", "x", revision="main") is kind
    assert kind.asked == (("gpt2", "x"), {"revision": "main"})


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Found(0), "it has no tokens, as without network"),
        (Found(9, OSError("We couldn't connect.\nCheck it.")), "We couldn't connect."),
        (Found(9, TypeError("expected str, bytes or os.PathLike object, not NoneType")), "not NoneType"),
    ],
)
def test_without_tokens_there_are_bytes_and_a_warning_that_says_so(shim: Any, kind: Found, reason: str) -> None:
    with pytest.warns(UserWarning, match=f"gpt2 could not be loaded, bytes are used instead: .*{reason}"):
        found = shim.load_tokenizer(kind, "gpt2")
    assert isinstance(found, shim.ByteTokenizer)


@pytest.mark.parametrize("error", [TypeError("from_pretrained() got an unexpected keyword"), ValueError("no")])
def test_what_is_called_wrongly_is_an_error_still(shim: Any, error: Exception) -> None:
    with pytest.raises(type(error)):
        shim.load_tokenizer(Found(9, error), "gpt2")


# --- texts and tokens -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "one", "äöü € 漢字 🙂", "two\nlines\t", "<|endoftext|>", "a<|endoftext|>b"])
def test_a_text_comes_back(made: Any, text: str) -> None:
    tokens = made.encode(text)
    assert all(0 <= one < made.vocab_size for one in tokens)
    assert made.decode(tokens) == text


def test_a_token_is_a_byte(made: Any) -> None:
    assert made.encode("aé") == [97, 0xC3, 0xA9]
    assert made.encode("a<|endoftext|>") == [97, made.eos_token_id]
    assert (made.vocab_size, len(made), made.eos_token_id) == (257, 257, 256)


def test_special_tokens_may_be_skipped(made: Any) -> None:
    assert made.decode([97, 256, 98], skip_special_tokens=True) == "ab"
    assert made.batch_decode([[97], [256]], skip_special_tokens=True) == ["a", ""]


def test_bytes_that_are_no_text_are_marked(made: Any) -> None:
    assert made.decode([97, 0xC3]) == "a\ufffd"


def test_a_token_that_there_is_not_is_an_error(made: Any) -> None:
    with pytest.raises(ValueError, match="257 is no token; there are 257"):
        made.decode([257])


def test_a_limit_cuts_only_where_cutting_is_asked_for(made: Any) -> None:
    assert made.encode("abc", max_length=2) == [97, 98, 99]
    assert made.encode("abc", max_length=2, truncation=True) == [97, 98]


def test_a_call_gives_ids_and_a_mask(made: Any) -> None:
    assert made("ab") == {"input_ids": [97, 98], "attention_mask": [1, 1]}
    made.pad_token = made.eos_token
    found = made(["ab", "c"], padding=True)
    assert found.input_ids == [[97, 98], [99, 256]]
    assert found["attention_mask"] == [[1, 1], [1, 0]]
    assert made(["ab"], padding="max_length", max_length=3).input_ids == [[97, 98, 256]]


def test_padding_without_a_token_for_it_is_an_error(made: Any) -> None:
    with pytest.raises(ValueError, match=r"set tokenizer.pad_token"):
        made(["ab", "c"], padding=True)


def test_tensors(made: Any) -> None:
    torch = pytest.importorskip("torch")
    tokens = made.encode("ab", return_tensors="pt")
    assert (tokens.tolist(), tokens.dtype) == ([[97, 98]], torch.long)
    assert made.decode(tokens[0]) == "ab"
    assert made("ab", return_tensors="pt").to("cpu").input_ids.shape == (1, 2)
    assert made.encode("", return_tensors="pt").shape == (1, 0)


@pytest.mark.parametrize("name", ["add_tokens", "apply_chat_template", "save_pretrained", "get_vocab"])
def test_what_bytes_cannot_honour_is_refused_by_name(made: Any, name: str) -> None:
    with pytest.raises(NotImplementedError, match=f"{name} is not there for bytes"):
        getattr(made, name)("x")
    with pytest.raises(NotImplementedError, match="'np' is not there"):
        made.encode("a", return_tensors="np")


# --- everywhere the same ----------------------------------------------------------------------------------------------


def test_it_can_be_pickled(made: Any) -> None:
    made.pad_token = made.eos_token
    again = pickle.loads(pickle.dumps(made))  # noqa: S301 (its own)
    assert (again.encode("ab"), again.pad_token_id) == ([97, 98], 256)


def test_every_process_has_the_same_tokens() -> None:
    program = "import tokenizer_bytes; print(tokenizer_bytes.ByteTokenizer().encode('some words'))"
    said = {
        subprocess.run(
            [sys.executable, "-B", "-c", program],
            env={"PYTHONPATH": str(SHIMS), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_it_is_written_for_python_3_8_and_imports_torch_only_for_tensors() -> None:
    tree = ast.parse((SHIMS / "tokenizer_bytes.py").read_text(), feature_version=(3, 8))
    top = [one for one in tree.body if isinstance(one, ast.Import | ast.ImportFrom)]
    assert [alias.name for one in top for alias in one.names] == ["warnings"]
