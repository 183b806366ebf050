"""layers.rotary turns pairs as complex numbers are turned, in float64, token by token."""

import pytest

torch = pytest.importorskip("torch")

from flash_attn_torch.layers.rotary import (  # noqa: E402
    RotaryEmbedding,
    apply_rotary_emb,
    apply_rotary_emb_func,
    apply_rotary_emb_kv_,
    apply_rotary_emb_qkv_,
    apply_rotary_emb_torch,
    rotate_half,
)
from flash_attn_torch.ops.triton.rotary import apply_rotary  # noqa: E402

from tests.shims.parts import (  # noqa: E402
    FLOAT_DTYPES,
    assert_as_exact,
    assert_fit_for_other_trees,
    dtype_name,
    grid,
    results_and_gradients,
    shapes,
    signature,
)

pytestmark = pytest.mark.train


def tables(positions, half, dtype=torch.float32):
    angle = torch.rand(positions, half) * 6.3
    return torch.cos(angle).to(dtype), torch.sin(angle).to(dtype)


def turned(token, cos, sin, interleaved):
    """One token [heads, dim], its own cos and sin [half]; in its own dtype, without overwriting."""
    half = cos.shape[0]
    if interleaved:
        a, b = token[:, 0 : 2 * half : 2], token[:, 1 : 2 * half : 2]
    else:
        a, b = token[:, :half], token[:, half : 2 * half]
    a, b = a * cos - b * sin, b * cos + a * sin
    front = torch.stack((a, b), dim=2).flatten(1) if interleaved else torch.cat((a, b), dim=1)
    return torch.cat((front, token[:, 2 * half :]), dim=1)


def turned64(token, cos, sin, interleaved):
    half = cos.shape[0]
    pairs = token[:, : 2 * half].unflatten(1, (half, 2) if interleaved else (2, half))
    pairs = pairs if interleaved else pairs.transpose(1, 2)
    z = torch.view_as_complex(pairs.contiguous()) * torch.complex(cos.double(), sin.double())
    back = torch.view_as_real(z)
    return torch.cat(((back if interleaved else back.transpose(1, 2)).flatten(1), token[:, 2 * half :]), dim=1)


def each_token(turn, x, cos, sin, interleaved, offsets):
    """x [batch, seqlen, heads, dim]; a position beyond the tables is left alone."""
    out = []
    for b in range(x.shape[0]):
        for s in range(x.shape[1]):
            position = s + (int(offsets[b]) if isinstance(offsets, torch.Tensor) else offsets)
            inside = position < cos.shape[0]
            row = (cos[position].to(x.dtype), sin[position].to(x.dtype)) if inside else None
            out.append(turn(x[b, s], *row, interleaved) if inside else x[b, s])
    return torch.stack(out).reshape(x.shape)


def assert_rotation(function, x, cos, sin, interleaved=False, offsets=0):
    def exact(x):
        return each_token(turned64, x, cos, sin, interleaved, offsets)

    def plain(x):
        return each_token(turned, x, cos, sin, interleaved, offsets)

    assert_as_exact(function, exact, plain, x)


OFFSETS = {"none": 0, "int": 3, "tensor": torch.tensor([2, 0, 4], dtype=torch.int32)}


@pytest.mark.parametrize("inplace", [False, True], ids=["", "inplace"])
@pytest.mark.parametrize("interleaved", [False, True], ids=["halves", "interleaved"])
@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
def test_equals_complex_numbers(dtype, interleaved, inplace):
    for how in grid(offset=OFFSETS, rotary_dim=[8, 4, 2]):
        cos, sin = tables(9, how["rotary_dim"] // 2, dtype)
        offset = OFFSETS[how["offset"]]
        x = torch.randn(3, 5, 2, 8).to(dtype)
        options = {"interleaved": interleaved, "inplace": inplace, "seqlen_offsets": offset}
        assert_rotation(lambda x: apply_rotary_emb(x, cos, sin, **options), x, cos, sin, interleaved, offset)  # noqa: B023


@pytest.mark.full
@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
@pytest.mark.parametrize(
    "case", grid(batch=[1, 4], seqlen=[1, 33], heads=[1, 3], dim=[16, 80], part=[1, 2, 4]), ids=str
)
def test_equals_complex_numbers_in_every_shape(case, dtype):
    cos, sin = tables(70, case["dim"] // case["part"] // 2)
    x = torch.randn(case["batch"], case["seqlen"], case["heads"], case["dim"]).to(dtype)
    for how in grid(interleaved=[False, True], inplace=[False, True]):
        for offsets in (0, 30, torch.randint(0, 37, (case["batch"],))):
            assert_rotation(
                lambda x: apply_rotary_emb(x, cos, sin, seqlen_offsets=offsets, **how),  # noqa: B023
                x,
                cos,
                sin,
                how["interleaved"],
                offsets,
            )


def test_rotating_the_wrong_pairs_fails_the_criterion():
    cos, sin = tables(5, 4)
    x = torch.randn(2, 5, 2, 8).bfloat16()
    with pytest.raises(AssertionError, match=r"error .* allowed"):
        assert_rotation(lambda x: apply_rotary_emb(x, cos, sin, True), x, cos, sin, False)
    with pytest.raises(AssertionError, match=r"error .* allowed"):
        assert_rotation(lambda x: apply_rotary_emb(x, cos, -sin), x, cos, sin)


def test_tables_in_float32_are_not_rounded_for_a_tensor_in_bfloat16():
    cos, sin = tables(5, 4)
    x = torch.randn(2, 5, 2, 8).bfloat16()
    wanted = each_token(turned64, x.double(), cos, sin, False, 0)
    assert torch.equal(apply_rotary_emb(x, cos, sin), wanted.float().bfloat16())
    assert not torch.equal(apply_rotary_emb(x, cos.bfloat16(), sin.bfloat16()), wanted.float().bfloat16())


def test_a_tensor_that_is_not_contiguous():
    cos, sin = tables(5, 4)
    x = torch.randn(2, 2, 5, 8, 2)[..., 0].transpose(1, 2)
    assert_rotation(lambda x: apply_rotary_emb(x, cos, sin), x, cos, sin)
    wanted = apply_rotary_emb(x, cos, sin)
    assert torch.equal(apply_rotary_emb(x, cos, sin, inplace=True), wanted)
    assert torch.equal(x, wanted)


def test_positions_beyond_the_tables_are_left_alone():
    cos, sin = tables(6, 4)
    offsets = torch.tensor([0, 4, 100])
    x = torch.randn(3, 5, 2, 8)
    assert_rotation(lambda x: apply_rotary_emb(x, cos, sin, seqlen_offsets=offsets), x, cos, sin, False, offsets)
    out = apply_rotary_emb(x, cos, sin, seqlen_offsets=offsets)
    assert torch.equal(out[2], x[2])


@pytest.mark.parametrize("inplace", [False, True], ids=["", "inplace"])
@pytest.mark.parametrize("interleaved", [False, True], ids=["halves", "interleaved"])
@pytest.mark.parametrize("offset", OFFSETS)
def test_packed_sequences_start_anew(offset, interleaved, inplace):
    cos, sin = tables(9, 4)
    lengths, offsets = [3, 0, 5], OFFSETS[offset]
    cu_seqlens = torch.tensor([0, 3, 3, 8], dtype=torch.int32)
    x = torch.randn(10, 2, 8)  # two tokens behind the last sequence

    def one_by_one(turn, x):
        out = []
        for b, part in enumerate(x[:8].split(lengths)):
            start = offsets[b : b + 1] if isinstance(offsets, torch.Tensor) else offsets
            out.append(each_token(turn, part[None], cos, sin, interleaved, start)[0] if len(part) else part)
        return torch.cat((*out, x[8:]))

    options = {"interleaved": interleaved, "inplace": inplace, "seqlen_offsets": offsets}
    assert_as_exact(
        lambda x: apply_rotary_emb(x, cos, sin, cu_seqlens=cu_seqlens, max_seqlen=5, **options),
        lambda x: one_by_one(turned64, x),
        lambda x: one_by_one(turned, x),
        x,
    )


def split_qkv(x, heads_q):
    heads_k = (x.shape[2] - heads_q) // 2
    return x.split((heads_q, heads_k, heads_k), dim=2)


@pytest.mark.parametrize("own_k", [False, True], ids=["", "cos_k"])
@pytest.mark.parametrize("form", ["packed", "grouped", "strided"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=dtype_name)
def test_qkv(dtype, form, own_k):
    cos, sin = tables(9, 3, dtype)
    cos_k, sin_k = tables(9, 3, dtype) if own_k else (cos, sin)
    given = {"cos_k": cos_k, "sin_k": sin_k} if own_k else {}
    x = (
        torch.randn(3, 5, 2, 3, 8).to(dtype).transpose(2, 3)
        if form == "strided"
        else torch.randn(3, 5, 3, 2, 8).to(dtype)
    )
    if form == "grouped":
        x, given["num_heads_q"] = torch.randn(3, 5, 2 + 2 * 1, 8).to(dtype), 2
    for how in grid(interleaved=[False, True], offset=OFFSETS):
        offset, interleaved = OFFSETS[how["offset"]], how["interleaved"]

        def by(turn, x):
            q, k, v = split_qkv(x, 2) if form == "grouped" else x.unbind(2)
            q = each_token(turn, q, cos, sin, interleaved, offset)  # noqa: B023
            k = each_token(turn, k, cos_k, sin_k, interleaved, offset)  # noqa: B023
            return torch.cat((q, k, v), dim=2) if form == "grouped" else torch.stack((q, k, v), dim=2)

        options = {"interleaved": interleaved, "seqlen_offsets": offset, **given}
        assert_as_exact(
            lambda x: apply_rotary_emb_qkv_(x, cos, sin, **options),  # noqa: B023
            lambda x: by(turned64, x),
            lambda x: by(turned, x),
            x,
        )


@pytest.mark.parametrize("interleaved", [False, True], ids=["halves", "interleaved"])
@pytest.mark.parametrize("offset", OFFSETS)
def test_kv(offset, interleaved):
    cos, sin = tables(9, 3)
    offsets = OFFSETS[offset]

    def by(turn, kv):
        k, v = kv.unbind(2)
        return torch.stack((each_token(turn, k, cos, sin, interleaved, offsets), v), dim=2)

    assert_as_exact(
        lambda x: apply_rotary_emb_kv_(x, cos, sin, interleaved, offsets),
        lambda x: by(turned64, x),
        lambda x: by(turned, x),
        torch.randn(3, 5, 2, 2, 8),
    )


def test_what_works_in_place_and_what_does_not():
    cos, sin = tables(5, 4)
    for function, shape in (
        (lambda x: apply_rotary_emb(x, cos, sin, inplace=True), (2, 5, 2, 8)),
        (lambda x: apply_rotary_emb_qkv_(x, cos, sin), (2, 5, 3, 2, 8)),
        (lambda x: apply_rotary_emb_kv_(x, cos, sin), (2, 5, 2, 2, 8)),
    ):
        x = torch.randn(shape, requires_grad=True)
        before = x.detach().clone()
        out = function(x)
        assert out.data_ptr() == x.data_ptr()
        assert torch.equal(out, x)
        assert not torch.equal(x, before)
        g = torch.randn(shape)
        kept = g.clone()
        out.backward(g)
        assert torch.equal(g, kept)
    x = torch.randn(2, 5, 2, 8)
    before = x.clone()
    assert not torch.equal(apply_rotary_emb(x, cos, sin), x)
    assert torch.equal(x, before)


def test_views_of_one_tensor_can_be_rotated_in_place_one_after_the_other():
    cos, sin = tables(5, 4)
    x = torch.randn(2, 5, 6, 8, requires_grad=True)

    def rotated(x, inplace):
        q, k, v = (1 * x).split((3, 2, 1), dim=2)
        q = apply_rotary_emb(q, cos, sin, inplace=inplace)
        k = apply_rotary_emb(k, cos, sin, inplace=inplace)
        return torch.cat((q * k[:, :, :1], k * v, v * v), dim=2)

    (out, grad), upstream = results_and_gradients(lambda x: rotated(x, True), (x,))
    wanted, _ = results_and_gradients(lambda x: rotated(x, False), (x,), upstream)
    assert torch.equal(out, wanted[0])
    assert torch.equal(grad, wanted[1])


def test_the_tables_get_no_gradient():
    cos, sin = (table.requires_grad_() for table in tables(5, 4))
    x = torch.randn(2, 5, 2, 8, requires_grad=True)
    apply_rotary_emb(x, cos, sin).sum().backward()
    assert cos.grad is None
    assert sin.grad is None


def test_second_derivatives():
    cos, sin = (table.double() for table in tables(5, 2))
    x = torch.randn(1, 3, 1, 6, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradgradcheck(lambda x: apply_rotary_emb(x, cos, sin).pow(3), x)


def test_apply_rotary_has_no_gradient_and_turns_both_ways():
    cos, sin = tables(5, 4)
    x = torch.randn(2, 5, 2, 8, requires_grad=True)
    out = apply_rotary(x, cos, sin)
    assert not out.requires_grad
    assert torch.equal(out, apply_rotary_emb(x, cos, sin))
    assert torch.allclose(apply_rotary(out, cos, sin, conjugate=True), x, atol=1e-6)


@pytest.mark.parametrize("interleaved", [False, True], ids=["halves", "interleaved"])
def test_the_plain_version_takes_tables_for_each_sequence(interleaved):
    cos, sin = tables(9, 3)
    x = torch.randn(3, 5, 2, 8)
    assert torch.allclose(
        apply_rotary_emb_torch(x, cos[:5], sin[:5], interleaved), apply_rotary_emb(x, cos, sin, interleaved), atol=1e-6
    )
    index = OFFSETS["tensor"][:, None] + torch.arange(5)
    got = apply_rotary_emb_torch(x, cos[index], sin[index], interleaved)
    wanted = apply_rotary_emb(x, cos, sin, interleaved, seqlen_offsets=OFFSETS["tensor"])
    assert torch.allclose(got, wanted, atol=1e-6)
    with pytest.raises(ValueError, match="rotary dim of 10 exceeds the head dim of 8"):
        apply_rotary_emb_torch(x, *tables(5, 5))


def test_rotate_half():
    x = torch.tensor([1, 2, 3, 4])
    assert rotate_half(x).tolist() == [-3, -4, 1, 2]
    assert rotate_half(x, interleaved=True).tolist() == [-2, 1, -4, 3]


# ---------------------------------------------------------------- RotaryEmbedding


@pytest.mark.parametrize("scale_base", [None, 512.0])
def test_the_tables_of_the_module(scale_base):
    rotary = RotaryEmbedding(16, base=5000.0, scale_base=scale_base)
    rotary(torch.randn(1, 40, 3, 1, 16))
    position, i = torch.arange(40).double()[:, None], torch.arange(8).double()
    angle = position * 5000.0 ** (-2 * i / 16)
    scale = 1.0 if scale_base is None else ((2 * i + 0.4 * 16) / (1.4 * 16)) ** ((position - 20) / scale_base)
    assert torch.allclose(rotary._cos_cached.double(), angle.cos() * scale, atol=1e-5)
    assert torch.allclose(rotary._sin_cached.double(), angle.sin() * scale, atol=1e-5)
    if scale_base is None:
        assert rotary._cos_k_cached is None
    else:
        assert torch.allclose(rotary._cos_k_cached.double(), angle.cos() / scale, atol=1e-5)
        assert torch.allclose(rotary._sin_k_cached.double(), angle.sin() / scale, atol=1e-5)


@pytest.mark.parametrize("scale_base", [None, 64.0])
@pytest.mark.parametrize("interleaved", [False, True], ids=["halves", "interleaved"])
def test_the_module_applies_its_tables(interleaved, scale_base):
    rotary = RotaryEmbedding(6, interleaved=interleaved, scale_base=scale_base)
    qkv = torch.randn(2, 5, 3, 2, 8)
    q, k, v = (x.clone() for x in qkv.unbind(2))
    kv, grouped = torch.stack((k, v), dim=2), torch.cat((q, k, v), dim=2)
    out = rotary(qkv, seqlen_offset=2)
    cos, sin = rotary._cos_cached, rotary._sin_cached
    cos_k, sin_k = (cos, sin) if scale_base is None else (rotary._cos_k_cached, rotary._sin_k_cached)
    assert cos.shape == (7, 3)
    wanted_q = apply_rotary_emb(q, cos, sin, interleaved, seqlen_offsets=2)
    wanted_k = apply_rotary_emb(k, cos_k, sin_k, interleaved, seqlen_offsets=2)
    assert torch.equal(out, torch.stack((wanted_q, wanted_k, v), dim=2))
    assert out.data_ptr() == qkv.data_ptr()
    assert torch.equal(rotary(grouped, seqlen_offset=2, num_heads_q=2), torch.cat((wanted_q, wanted_k, v), dim=2))
    got_q, got_kv = rotary(q, kv, seqlen_offset=2)
    assert torch.equal(got_q, wanted_q)
    assert torch.equal(got_kv, torch.stack((wanted_k, v), dim=2))
    assert (got_q.data_ptr(), got_kv.data_ptr()) == (q.data_ptr(), kv.data_ptr())


def test_the_module_with_an_offset_for_each_sequence():
    rotary = RotaryEmbedding(8)
    offsets = torch.tensor([0, 3])
    with pytest.raises(ValueError, match="needs max_seqlen"):
        rotary(torch.randn(2, 5, 3, 2, 8), seqlen_offset=offsets)
    x = torch.randn(2, 5, 3, 2, 8)
    wanted = [rotary(x[b : b + 1].clone(), seqlen_offset=int(offsets[b])) for b in range(2)]
    assert torch.equal(rotary(x, seqlen_offset=offsets, max_seqlen=8), torch.cat(wanted))


def test_the_tables_grow_and_follow_the_dtype():
    rotary = RotaryEmbedding(8)
    rotary(torch.randn(1, 5, 3, 1, 8))
    first = rotary._cos_cached
    rotary(torch.randn(1, 3, 3, 1, 8))
    assert rotary._cos_cached is first
    rotary(torch.randn(1, 9, 3, 1, 8))
    assert rotary._cos_cached.shape == (9, 4)
    rotary(torch.randn(1, 3, 3, 1, 8).bfloat16())
    assert rotary._cos_cached.dtype == torch.bfloat16
    assert rotary._cos_cached.shape == (3, 4)


def test_a_module_cast_to_bfloat16_keeps_its_angles():
    exact, cast = RotaryEmbedding(8), RotaryEmbedding(8).bfloat16()
    x = torch.randn(1, 300, 3, 1, 8).bfloat16()
    assert torch.equal(exact(x.clone()), cast(x.clone()))


def test_tables_made_in_inference_mode_are_made_anew_for_training():
    rotary = RotaryEmbedding(8)
    with torch.inference_mode():
        rotary(torch.randn(1, 5, 3, 1, 8))
    x = torch.randn(1, 5, 3, 1, 8, requires_grad=True)
    rotary(x).sum().backward()
    assert x.grad is not None


def test_the_buffers_are_not_in_the_state_dict():
    rotary = RotaryEmbedding(8, scale_base=512)
    assert shapes(rotary) == {}
    assert {name for name, _ in rotary.named_buffers()} == {"inv_freq", "scale"}
    assert RotaryEmbedding(8).scale is None


# ---------------------------------------------------------------- refused, and the interface


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: apply_rotary_emb(x, *tables(4, 4)), "have 4 positions, but 0 to 5 are needed"),
        (lambda x: apply_rotary_emb(x, *tables(6, 4), seqlen_offsets=2), "have 6 positions, but 2 to 7 are needed"),
        (lambda x: apply_rotary_emb(x, *tables(6, 4), seqlen_offsets=-1), "have 6 positions, but -1 to 4 are needed"),
        (lambda x: apply_rotary_emb(x, *tables(5, 5)), "a rotary dim of 10 exceeds the head dim of 8"),
        (lambda x: apply_rotary_emb(x, tables(5, 4)[0], tables(5, 3)[0]), "must both be"),
        (lambda x: apply_rotary_emb(x, *(t[None] for t in tables(5, 4))), "must both be"),
        (lambda x: apply_rotary_emb(x[0], *tables(5, 4)), r"x must be \[batch, seqlen, heads, dim\]"),
        (
            lambda x: apply_rotary_emb(x[0], *tables(5, 4), cu_seqlens=torch.tensor([0, 5])),
            "cu_seqlens needs max_seqlen",
        ),
        (
            lambda x: apply_rotary_emb(x, *tables(5, 4), cu_seqlens=torch.tensor([0, 5]), max_seqlen=5),
            r"with cu_seqlens x must be \[total, heads, dim\]",
        ),
        (
            lambda x: apply_rotary_emb(x, *tables(5, 4), seqlen_offsets=torch.tensor([1])),
            r"seqlen_offsets must be an int or \[batch\]",
        ),
        (
            lambda x: apply_rotary_emb(x, *tables(5, 4), seqlen_offsets=torch.tensor([1.0, 2.0])),
            "seqlen_offsets must be int32 or int64, but is torch.float32",
        ),
        (lambda x: apply_rotary_emb_qkv_(x, *tables(5, 4)), "qkv must be"),
        (lambda x: apply_rotary_emb_qkv_(x, *tables(5, 4), num_heads_q=1), "num_heads_q is 1"),
        (lambda x: apply_rotary_emb_kv_(x, *tables(5, 4)), "kv must be"),
    ],
)
def test_what_does_not_fit_is_refused(call, sentence):
    with pytest.raises(ValueError, match=sentence) as refused:
        call(torch.randn(2, 5, 2, 8))
    assert str(refused.value).startswith("flash_attn_torch: ")


def test_traces_as_one_graph():
    cos, sin = tables(5, 4)
    torch.compiler.reset()
    for function, shape in (
        (lambda x: apply_rotary_emb(2 * x, cos, sin), (2, 5, 2, 8)),
        (lambda x: apply_rotary_emb_qkv_(2 * x, cos, sin), (2, 5, 3, 2, 8)),
    ):
        x = torch.randn(shape, requires_grad=True)
        g = torch.randn(shape)
        out = torch.compile(function, backend="aot_eager", fullgraph=True)(x)
        assert torch.equal(out, function(x))
        assert torch.equal(torch.autograd.grad(out, x, g)[0], torch.autograd.grad(function(x), x, g)[0])


def test_the_interface():
    assert apply_rotary_emb_func is apply_rotary_emb
    assert signature(apply_rotary_emb) == (
        "x, cos, sin, interleaved=False, inplace=False, seqlen_offsets=0, cu_seqlens=None, max_seqlen=None"
    )
    assert signature(apply_rotary_emb_qkv_) == (
        "qkv, cos, sin, cos_k=None, sin_k=None, interleaved=False, seqlen_offsets=0, num_heads_q=None"
    )
    assert signature(apply_rotary_emb_kv_) == "kv, cos, sin, interleaved=False, seqlen_offsets=0"
    assert signature(apply_rotary_emb_torch) == "x, cos, sin, interleaved=False"
    assert signature(apply_rotary) == (
        "x, cos, sin, seqlen_offsets=0, cu_seqlens=None, max_seqlen=None, interleaved=False, inplace=False, conjugate=False"
    )
    assert signature(RotaryEmbedding) == "dim, base=10000.0, interleaved=False, scale_base=None, device=None"
    assert signature(RotaryEmbedding.forward) == "qkv, kv=None, seqlen_offset=0, max_seqlen=None, num_heads_q=None"
    assert_fit_for_other_trees("flash_attn_torch.layers.rotary", "flash_attn_torch.ops.triton.rotary")
