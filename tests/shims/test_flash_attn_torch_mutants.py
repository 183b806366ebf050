"""The tests of flash_attn_torch catch the errors that a rewrite of it is likely to make.

Each mutant is a copy of the shim with one error; the quick tests, copied beside it, must fail on it.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

pytestmark = [pytest.mark.train, pytest.mark.full, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SHIM = Path("recipes/shims/flash_attn_torch")
DENSE, VARLEN, KVCACHE, FA3, CUDA = "", "_varlen", "_kvcache", "_fa3", "_cuda"

# What is wrong -> the tests that must see it, the file, what stands there, and what stands there instead.
MUTANTS = {
    "the causal mask is aligned at the top left": (
        *(DENSE, "__init__.py"),
        ("[:, None] + (k.shape[2] - q.shape[2])", "[:, None]"),
    ),
    "a longer query is aligned at the top left": (
        *(DENSE, "__init__.py"),
        ("q.narrow(1, blind, seqlen_q - blind)", "q.narrow(1, 0, seqlen_q - blind)"),
    ),
    "query heads read the key heads in turn": (
        *(DENSE, "__init__.py"),
        (
            "return x[:, :, None].expand(-1, -1, q.shape[1] // x.shape[1], -1, -1).flatten(1, 2)",
            "return x.repeat(1, q.shape[1] // x.shape[1], 1, 1)",
        ),
    ),
    "rows without a visible key are NaN": (
        *(DENSE, "__init__.py"),
        ("blind = 0 if right < 0 else max(0, seqlen_q - seqlen_k - right)", "blind = 0"),
    ),
    "one row too few is without a visible key": (
        *(DENSE, "__init__.py"),
        ("max(0, seqlen_q - seqlen_k - right)", "max(0, seqlen_q - seqlen_k - right - 1)"),
    ),
    "one row too many is without a visible key": (
        *(DENSE, "__init__.py"),
        ("max(0, seqlen_q - seqlen_k - right)", "max(0, seqlen_q - seqlen_k - right + 1)"),
    ),
    "the output of the rows that see is that of the first": (
        *(DENSE, "__init__.py"),
        ("F.pad(out, (0, 0, 0, 0, blind, 0))", "F.pad(out, (0, 0, 0, 0, 0, blind))"),
    ),
    "the output is not contiguous": (
        *(DENSE, "__init__.py"),
        ("out.transpose(1, 2).contiguous()  #", "out.transpose(1, 2)  #"),
    ),
    "softcap is dropped": (*(DENSE, "__init__.py"), ("    if softcap > 0:", "    if softcap > 1e9:")),
    "softcap comes after alibi": (
        *(DENSE, "__init__.py"),
        (
            re.compile(r"(    if softcap > 0:\n.*\n)(    scores = scores \+ _mask.*\n)"),
            r"\2\1",
        ),
    ),
    "alibi has the other sign": (*(DENSE, "__init__.py"), ("mask = -(slopes", "mask = (slopes")),
    "alibi is not of the diagonal": (*(DENSE, "__init__.py"), ("* distance.abs()", "* distance")),
    "the window is one short at the left": (*(DENSE, "__init__.py"), ("(distance < -left", "(distance <= -left")),
    "the window is one short at the right": (*(DENSE, "__init__.py"), ("(distance > right", "(distance >= right")),
    "a wide window is none": (*(DENSE, "__init__.py"), ("left >= seqlen_k - 1", "left >= seqlen_k - 2")),
    "the scale is ignored by SDPA": (
        *(DENSE, "__init__.py"),
        ('options["scale"] = scale', 'options["scale"] = None'),
    ),
    "the scale is ignored elsewhere": (
        *(DENSE, "__init__.py"),
        ("(q @ k.transpose(-2, -1)) * scale", "(q @ k.transpose(-2, -1)) * q.shape[-1] ** -0.5"),
    ),
    "the lse is without its maximum": (
        *(DENSE, "__init__.py"),
        (
            "torch.logsumexp(scores.detach(), dim=-1)",
            "(scores - scores.amax(-1, keepdim=True)).detach().exp().sum(-1).log()",
        ),
    ),
    "the lse of nothing is its negative": (
        *(DENSE, "__init__.py"),
        ("(blind, 0), value=math.inf)", "(blind, 0), value=-math.inf)"),
    ),
    "the lse of early queries is missing": (
        *(DENSE, "__init__.py"),
        ("F.pad(lse, (blind, 0), value=math.inf)", "F.pad(lse, (0, blind), value=math.inf)"),
    ),
    "autocast changes the dtype": (
        *(DENSE, "__init__.py"),
        ("if device_type in _AUTOCAST_DEVICES:", "if device_type in ():"),
    ),
    "a sequence without keys is skipped": (*(VARLEN, "varlen.py"), ("if queries > 0:", "if queries > 0 and keys > 0:")),
    "unequal lengths are one batch": (
        *(VARLEN, "varlen.py"),
        ("groupby(zip(lengths_q, lengths_k))", "groupby(sorted(zip(lengths_q, lengths_k)))"),
    ),
    "the slopes of the first sequences are used for all": (
        *(VARLEN, "varlen.py"),
        ("alibi_slopes[first : first + n]", "alibi_slopes[:n]"),
    ),
    "the lse of packed sequences is mixed": (
        *(VARLEN, "varlen.py"),
        ("lse.transpose(0, 1).flatten(1)", "lse.reshape(lse.shape[1], -1)"),
    ),
    "tokens behind the last are lost": (
        *(VARLEN, "varlen.py"),
        ("out = F.pad(out, (0, 0, 0, 0, 0, tail_q)) if tail_q else out", "out = out"),
    ),
    "new keys are written one too far": (
        *(KVCACHE, "kvcache.py"),
        ("torch.arange(new, device=q.device)", "torch.arange(1, new + 1, device=q.device)"),
    ),
    "the cache is not changed": (
        *(KVCACHE, "kvcache.py"),
        ("        if new:\n", "        k_cache, v_cache = k_cache + 0, v_cache + 0\n        if new:\n"),
    ),
    "rotary positions begin at 0": (
        *(KVCACHE, "kvcache.py"),
        ("table[positions]", "table[positions - positions[:, :1]]"),
    ),
    "queries always count on": (
        *(KVCACHE, "kvcache.py"),
        ("if causal or any(0 <= side < room for side in window):", "if True:"),
    ),
    "the halves are rotated by default": (
        *(KVCACHE, "kvcache.py"),
        ("rotary_interleaved=True", "rotary_interleaved=False"),
    ),
    "the padding is seen": (*(KVCACHE, "kvcache.py"), ("[row : row + 1, start:end]", "[row : row + 1, :end]")),
    "the rows of the cache are those of the batch": (
        *(KVCACHE, "kvcache.py"),
        ("[row : row + 1, start:end]", "[b : b + 1, start:end]"),
    ),
    "FlashAttention 3 has the order of 2": (
        *(FA3, "flash_attn_interface_torch.py"),
        ("    v,\n    softmax_scale=None,\n", "    v,\n    dropout_p=0.0,\n    softmax_scale=None,\n"),
    ),
    "on CUDA the softcap is dropped": (*(CUDA, "cuda.py"), ("score = cap * torch.tanh(score / cap)", "pass")),
    "on CUDA alibi has the other sign": (*(CUDA, "cuda.py"), ("score - slopes[b, h]", "score + slopes[b, h]")),
    "on CUDA alibi is not of the diagonal": (*(CUDA, "cuda.py"), ("(i + to_diagonal - j)", "(i - j)")),
    "on CUDA the window is one short at the left": (*(CUDA, "cuda.py"), ("(j >= i + first)", "(j > i + first)")),
    "on CUDA the window is one short at the right": (*(CUDA, "cuda.py"), ("(j <= i + last)", "(j < i + last)")),
    "on CUDA the window is that of the top left": (
        *(CUDA, "cuda.py"),
        ("seqlen_k - seqlen_q - left", "-left"),
    ),
    "on CUDA no limit at the left is none to the diagonal": (
        *(CUDA, "cuda.py"),
        ("left = seqlen_q + seqlen_k if left < 0 else left", "left = 0 if left < 0 else left"),
    ),
    "on CUDA the scale is ignored": (*(CUDA, "cuda.py"), ('{"scale": scale, ', "{")),
    "on CUDA the lse has no mask": (*(CUDA, "cuda.py"), ("0.0, right == 0, False", "0.0, False, False")),
    "on CUDA the sequences of a batch are one": (
        *(CUDA, "cuda.py"),
        ("torch.arange(0, (batch + 1) * one, one", "torch.arange(0, batch * one + 1, batch * one"),
    ),
    "on CUDA what is kept of inference is kept": (*(CUDA, "cuda.py"), ("inference_mode(False)", "no_grad()")),
    "on CUDA dropout is forgotten": (*(CUDA, "cuda.py"), ("if dropout_p > 0 or not", "if not")),
    "on CUDA the numbers are Python's": (
        *(CUDA, "cuda.py"),
        ("torch.full((), softcap, dtype=torch.float32, device=q.device) if", "softcap if"),
    ),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    root = tmp_path_factory.mktemp("mutants")
    for folder in ("recipes/shims/flash_attn_torch", "tests/shims"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def failed(root, tests):
    command = [
        sys.executable,
        "-B",
        "-m",
        "pytest",
        "-x",
        "-q",
        "-m",
        "not full and not slow",
        "-p",
        "no:cacheprovider",
    ]
    file = f"tests/shims/test_flash_attn_torch{tests}.py"
    done = subprocess.run([*command, file], cwd=root, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.returncode == 1


@pytest.mark.parametrize("tests", [DENSE, VARLEN, KVCACHE, FA3, CUDA])
def test_the_tests_pass_without_a_mutation(copy, tests):
    assert not failed(copy, tests)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(copy, name):
    tests, file, (old, new) = MUTANTS[name]
    text = (ROOT / SHIM / file).read_text(encoding="utf-8")
    mutant = old.sub(new, text) if isinstance(old, re.Pattern) else text.replace(old, new)
    assert mutant != text, "the shim does not have what the mutation changes"
    (copy / SHIM / file).write_text(mutant, encoding="utf-8")
    try:
        assert failed(copy, tests)
    finally:
        shutil.copy(ROOT / SHIM / file, copy / SHIM / file)
