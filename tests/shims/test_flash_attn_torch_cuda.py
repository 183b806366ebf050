"""What serves flash_attn_torch on CUDA: which way is chosen, and that each computes attention, without a GPU.

The choice is made for fake tensors of a CUDA device. The maths of flex_attention runs unfused on a CPU, backward too;
the two kernels that CUDA alone has are stood in for, and their real ones are asked for their shapes. On a machine with
a GPU, `python bench/attention_gpu.py --check` holds the real ones to float64.
"""

import types
import warnings

import pytest

torch = pytest.importorskip("torch")

import flash_attn_torch as shim  # noqa: E402
from flash_attn_torch import cuda, flash_attn_func, varlen  # noqa: E402
from torch._subclasses import FakeTensorMode  # noqa: E402

from tests.shims.attention import (  # noqa: E402
    assert_attention,
    attention64,
    dtype_name,
    plain_varlen,
    qkv,
)
from tests.shims.parts import assert_fit_for_other_trees  # noqa: E402

pytestmark = pytest.mark.train

HALF, SINGLE, DOUBLE = torch.bfloat16, torch.float32, torch.float64
PLAIN = "plain"


@pytest.fixture
def newest(monkeypatch):
    """An H100 with all that a new torch has."""
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: types.SimpleNamespace(major=9))
    monkeypatch.setattr(cuda, "_knows_flex", lambda: True)
    monkeypatch.setattr(cuda, "varlen_attn", len)
    monkeypatch.setattr(cuda, "_FLASH", len)


def chosen(dtype=HALF, seqlens=(2048, 2048), dim=64, device="cuda", **how):
    """The name of what would compute it."""
    options = {"dropout_p": 0.0, "left": -1, "right": -1, "softcap": 0.0, "alibi_slopes": None, "want_lse": False}
    options |= {"right": 0} if how.pop("causal", False) else {}
    with torch.no_grad(), FakeTensorMode():
        q, k = (torch.empty(2, 8, n, dim, dtype=dtype, device=device) for n in seqlens)
        scaled = {"scale": 1.0, **options, **how}
        names = ("dropout_p", "scale", "left", "right", "softcap", "alibi_slopes", "want_lse")
        way = shim._way(q, k, *(scaled[name] for name in names))
    return way.__name__


# ---------------------------------------------------------------- the choice

SLOPES = torch.ones(8)
SHORT, LONG = (512, 512), (2048, 2048)


@pytest.mark.parametrize(
    ("how", "way"),
    [
        ({}, "_by_sdpa"),
        ({"causal": True}, "_by_sdpa"),
        ({"causal": True, "seqlens": (1100, 2048)}, "_by_sdpa"),
        ({"dtype": SINGLE}, "_by_sdpa"),
        ({"softcap": 5.0}, "by_flex"),
        ({"softcap": 5.0, "causal": True, "seqlens": SHORT}, "by_flex"),
        ({"softcap": 5.0, "seqlens": (1, 2048)}, "_by_definition"),
        ({"softcap": 5.0, "dtype": SINGLE}, "by_flex"),
        ({"softcap": 5.0, "dtype": DOUBLE}, "_by_definition"),
        ({"softcap": 5.0, "dropout_p": 0.1}, "_by_definition"),
        ({"softcap": 5.0, "dim": 80}, "_by_definition"),
        ({"softcap": 5.0, "dim": 8}, "_by_definition"),
        ({"softcap": 5.0, "dim": 128, "dtype": SINGLE}, "_by_definition"),
        ({"softcap": 5.0, "dim": 128}, "by_flex"),
        ({"softcap": 5.0, "dim": 256}, "_by_definition"),
        ({"alibi_slopes": SLOPES, "seqlens": SHORT}, "by_flex"),
        ({"alibi_slopes": SLOPES, "dtype": SINGLE}, "by_flex"),
        ({"alibi_slopes": SLOPES, "dtype": SINGLE, "seqlens": SHORT}, "_by_sdpa"),
        ({"left": 256, "right": 0}, "by_varlen"),
        ({"left": 256, "right": 0, "seqlens": SHORT}, "_by_sdpa"),
        ({"left": -1, "right": 7}, "by_varlen"),
        ({"left": 256, "right": 0, "dim": 256}, "by_varlen"),
        ({"left": 256, "right": 0, "dim": 100}, "_by_sdpa"),
        ({"left": 256, "right": 0, "dropout_p": 0.1}, "_by_sdpa"),
        ({"left": 256, "right": 0, "dtype": SINGLE}, "by_flex"),
        ({"left": 256, "right": 0, "softcap": 5.0}, "by_flex"),
        ({"left": 256, "right": 0, "want_lse": True}, "by_flex"),
        ({"want_lse": True}, "by_flash"),
        ({"want_lse": True, "causal": True, "seqlens": (1, 1)}, "by_flash"),
        ({"want_lse": True, "causal": True, "seqlens": (1100, 2048)}, "by_flex"),
        ({"want_lse": True, "causal": True, "seqlens": (100, 2048)}, "_by_definition"),
        ({"want_lse": True, "dtype": SINGLE}, "by_flex"),
        ({"want_lse": True, "dim": 36}, "_by_definition"),
        ({"seqlens": (0, 2048)}, "_by_definition"),
        ({"seqlens": (2048, 0)}, "_by_definition"),
        ({"softcap": 5.0, "device": "cpu"}, "_by_definition"),
        ({"left": 256, "right": 0, "device": "cpu"}, "_by_sdpa"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("newest")
def test_which_way_serves_what(how, way):
    assert chosen(**how) == way


EACH = [({"softcap": 5.0}, "_by_definition"), ({"left": 9}, "_by_sdpa"), ({"want_lse": True}, "_by_definition")]


@pytest.mark.parametrize(("how", "way"), EACH, ids=str)
@pytest.mark.usefixtures("newest")
def test_an_older_gpu_has_the_plain_way(monkeypatch, how, way):
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: types.SimpleNamespace(major=7))
    assert chosen(**how) == way


@pytest.mark.parametrize(("how", "way"), EACH, ids=str)
@pytest.mark.usefixtures("newest")
def test_an_older_torch_has_the_plain_way(monkeypatch, how, way):
    monkeypatch.setattr(cuda, "_knows_flex", lambda: False)
    monkeypatch.setattr(cuda, "varlen_attn", None)
    monkeypatch.setattr(cuda, "_FLASH", None)
    assert chosen(**how) == way


@pytest.mark.parametrize(("how", "way"), EACH, ids=str)
@pytest.mark.usefixtures("newest")
def test_a_tree_without_the_file_has_the_plain_way(monkeypatch, how, way):
    monkeypatch.setattr(shim, "_CUDA", None)
    assert chosen(**how) == way


@pytest.mark.usefixtures("newest")
def test_a_trace_of_torch_compile_is_left_the_plain_maths(monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert chosen(softcap=5.0) == "_by_definition"


def test_this_machine_is_told_apart():
    with torch.no_grad(), FakeTensorMode():
        q = torch.empty(4, 2, 64, dtype=HALF)
    assert not cuda.takes_packed(q, [1, 3], [1, 3])


@pytest.mark.parametrize(
    ("shape", "dtype", "lengths", "served"),
    [
        ((4, 2, 64), HALF, ([1, 3], [1, 3]), True),
        ((4, 2, 64), HALF, ([2, 2], [1, 3]), True),
        ((4, 2, 64), HALF, ([2, 2], [2, 2]), False),
        ((4, 2, 64), SINGLE, ([1, 3], [1, 3]), False),
        ((4, 2, 60), HALF, ([1, 3], [1, 3]), False),
        ((4, 2, 264), HALF, ([1, 3], [1, 3]), False),
        ((4, 2, 64), HALF, ([1, 3], [0, 0]), False),
    ],
    ids=str,
)
@pytest.mark.usefixtures("newest")
def test_which_packed_sequences_go_at_once(shape, dtype, lengths, served):
    with torch.no_grad(), FakeTensorMode():
        q = torch.empty(shape, dtype=dtype, device="cuda")
    assert cuda.takes_packed(q, *lengths) is served


# ---------------------------------------------------------------- flex_attention, unfused


@pytest.fixture
def flex(monkeypatch):
    """by_flex for everything, not compiled; torch has no backward of the compiled one on a CPU."""
    module = pytest.importorskip("torch.nn.attention.flex_attention")
    if not hasattr(module, "AuxRequest"):
        pytest.skip("this torch has no AuxRequest")
    monkeypatch.setattr(module, "_validate_device", lambda *_: None)
    monkeypatch.setattr(cuda, "_flex", lambda: module.flex_attention)
    monkeypatch.setattr(shim, "_way", lambda *_: cuda.by_flex)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="flex_attention called without")
        yield


HOWS = {
    "softcap": {"softcap": 1.5},
    "window": {"window": (5, 2)},
    "left window": {"window": (4, -1)},
    "causal window": {"window": (6, 3), "causal": True},
    "slopes": {"slopes": torch.tensor([0.5, 0.2, 0.1, 0.05])},
    "slopes of each": {"slopes": torch.rand(2, 4, generator=torch.Generator().manual_seed(1)), "causal": True},
    "all": {"softcap": 2.0, "window": (7, 1), "slopes": torch.tensor([0.5, 0.2, 0.1, 0.05]), "scale": 0.3},
}
NAMES = {"window": "window_size", "slopes": "alibi_slopes", "scale": "softmax_scale"}


def called(how):
    return {NAMES.get(name, name): value for name, value in how.items()}


@pytest.mark.parametrize("dtype", [SINGLE, HALF, torch.float16], ids=dtype_name)
@pytest.mark.parametrize("seqlens", [(19, 19), (11, 20), (20, 11)], ids=str)
@pytest.mark.parametrize("how", HOWS.values(), ids=HOWS)
@pytest.mark.usefixtures("flex")
def test_flex_attention_computes_attention_and_its_gradients(how, seqlens, dtype):
    q, k, v = qkv(*seqlens, heads_k=2, dim=16, dtype=dtype)
    assert_attention(lambda *x: flash_attn_func(*x, **called(how)), q, k, v, **how)


@pytest.mark.parametrize("seqlens", [(19, 19), (11, 20), (20, 11)], ids=str)
@pytest.mark.parametrize("how", HOWS.values(), ids=HOWS)
@pytest.mark.usefixtures("flex")
def test_flex_attention_tells_the_lse(how, seqlens):
    q, k, v = qkv(*seqlens, heads_k=2, dim=16)
    out, lse, _ = flash_attn_func(*(x.requires_grad_() for x in (q, k, v)), return_attn_probs=True, **called(how))
    _, wanted = attention64(q, k, v, **how)
    assert lse.dtype == SINGLE
    assert not lse.requires_grad
    assert out.requires_grad
    assert torch.allclose(lse.double(), wanted, atol=1e-5)


@pytest.mark.usefixtures("flex")
def test_what_is_kept_of_inference_can_be_trained_with():
    q, k, v = qkv(23, 23, dim=16)
    cuda._blocks.cache_clear()
    with torch.inference_mode():
        flash_attn_func(q, k, v, causal=True)
    assert cuda._blocks.cache_info().currsize == 1
    assert not cuda._blocks(23, 23, -1, 0, q.device).kv_indices.is_inference()
    assert_attention(lambda *x: flash_attn_func(*x, causal=True), q, k, v, causal=True)


@pytest.mark.usefixtures("flex")
def test_other_numbers_of_an_option_compile_nothing_anew(monkeypatch):
    from torch._dynamo.testing import CompileCounterWithBackend
    from torch.nn.attention.flex_attention import flex_attention

    torch.compiler.reset()
    counter = CompileCounterWithBackend("eager")
    compiled = torch.compile(flex_attention, backend=counter)
    monkeypatch.setattr(cuda, "_flex", lambda: compiled)

    def count(*seqlens, **how):
        q, k, v = qkv(*seqlens, dim=16)
        with torch.no_grad():
            assert torch.allclose(flash_attn_func(q, k, v, **called(how)), plain_of(q, k, v, **how), atol=1e-5)
        return counter.frame_count

    counts = [count(150, 150, softcap=cap, window=(left, 0)) for cap, left in ((1.0, 7), (2.0, 9), (3.0, 11))]
    assert counts == [1, 1, 1]
    assert [count(n, n + more, softcap=1.0, window=(5, 0)) for n, more in ((170, 0), (180, 7), (190, 9))] == [2, 2, 2]


def plain_of(q, k, v, **how):
    return attention64(q, k, v, **how)[0].to(q.dtype)


# ---------------------------------------------------------------- the two kernels of CUDA


def kernel_for_packed(q, k, v, cu_q, cu_k, max_q, max_k, *, scale, window_size, enable_gqa):
    """torch's own runs on CUDA alone."""
    lengths = (cu_q.diff().tolist(), cu_k.diff().tolist())
    assert (cu_q.dtype, cu_k.dtype) == (torch.int32, torch.int32)
    assert (max_q, max_k) == (max(lengths[0]), max(lengths[1]))
    assert (sum(lengths[0]), sum(lengths[1])) == (len(q), len(k))
    assert enable_gqa == (q.shape[1] != k.shape[1])
    return plain_varlen(q, k, v, *lengths, window=window_size, scale=scale)


@pytest.mark.parametrize("dtype", [SINGLE, HALF], ids=dtype_name)
@pytest.mark.parametrize("seqlens", [(9, 9), (5, 12), (12, 5)], ids=str)
@pytest.mark.parametrize("how", [{"window": (3, 1)}, {"window": (4, 2), "causal": True, "scale": 0.3}], ids=str)
def test_the_kernel_for_packed_sequences_is_given_a_dense_batch(monkeypatch, how, seqlens, dtype):
    monkeypatch.setattr(shim, "_way", lambda *_: cuda.by_varlen)
    monkeypatch.setattr(cuda, "varlen_attn", kernel_for_packed)
    q, k, v = qkv(*seqlens, heads_k=2, dtype=dtype)
    assert_attention(lambda *x: flash_attn_func(*x, **called(how)), q, k, v, **how)


def kernel_with_lse(q, k, v, dropout_p, is_causal, return_debug_mask, *, scale):
    """That of CUDA takes fewer key heads too, and returns more; these are the first two of it."""
    assert (dropout_p, return_debug_mask) == (0.0, False)
    k, v = (shim._for_each_query_head(x, q) for x in (k, v))
    op = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    return (*op(q, k, v, 0.0, is_causal, scale=scale), "more")


@pytest.mark.parametrize(
    ("how", "seqlens"),
    [
        ({}, (9, 9)),
        ({"scale": 0.3}, (5, 12)),
        ({}, (12, 5)),
        ({"causal": True}, (9, 9)),
        ({"causal": True, "scale": 0.3}, (12, 5)),
    ],
    ids=str,
)
def test_the_kernel_of_sdpa_tells_the_lse(monkeypatch, how, seqlens):
    monkeypatch.setattr(shim, "_way", lambda *_: cuda.by_flash)
    monkeypatch.setattr(cuda, "_FLASH", kernel_with_lse)
    q, k, v = qkv(*seqlens, heads_k=2)
    assert_attention(lambda *x: flash_attn_func(*x, return_attn_probs=True, **called(how)), q, k, v, **how)
    _, lse, _ = flash_attn_func(q, k, v, return_attn_probs=True, **called(how))
    assert torch.allclose(lse.double(), attention64(q, k, v, **how)[1], atol=1e-5)


@pytest.mark.parametrize("heads_k", [2, 4])
def test_the_shapes_of_the_kernels_themselves(heads_k):
    if cuda._FLASH is None or cuda.varlen_attn is None:
        pytest.skip("this torch has not both of them")
    options = (0.0, 0.3, 5, 0, 0.0, None)
    with torch.no_grad(), FakeTensorMode():
        q, k, v = (torch.empty(2, n, h, 64, dtype=HALF, device="cuda") for n, h in ((7, 4), (9, heads_k), (9, heads_k)))
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        out, lse = cuda.by_flash(q, k, v, *options[:2], -1, -1, *options[4:], True)
        assert (out.shape, out.device.type) == ((2, 4, 7, 64), "cuda")
        assert (lse.shape, lse.dtype) == ((2, 4, 7), SINGLE)
        out, lse = cuda.by_varlen(q, k, v, *options, False)
        assert (out.shape, out.device.type, lse) == ((2, 4, 7, 64), "cuda", None)


# ---------------------------------------------------------------- a file for somebody else's tree


def test_it_fits_into_other_trees():
    assert_fit_for_other_trees("flash_attn_torch.cuda")


def test_the_words_that_bring_it_are_options():
    names = {*shim.flash_attn_func.__code__.co_varnames, "use_alibi"}
    assert set(shim._FASTER["cuda"]) <= names
    assert varlen.cuda is shim._CUDA is cuda
