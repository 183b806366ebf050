"""flash_attn_with_kvcache of flash_attn_torch: what is written into the cache, where, and what is attended to."""

import itertools
import random

import pytest

torch = pytest.importorskip("torch")

import flash_attn_torch as dense  # noqa: E402
from flash_attn_torch.kvcache import flash_attn_with_kvcache  # noqa: E402

from tests.shims.attention import (  # noqa: E402
    FLOAT_DTYPES,
    attention64,
    dtype_name,
    hide_newer_apis,
    judge,
    plain,
)

pytestmark = pytest.mark.train

ROOM = 12


def caches(rows=2, heads_k=2, dim=8, dtype=torch.float32):
    return [torch.randn(rows, ROOM, heads_k, dim).to(dtype) for _ in range(2)]


def new(batch=2, seqlen=3, heads_k=2, dim=8, dtype=torch.float32):
    return [torch.randn(batch, seqlen, heads_k, dim).to(dtype) for _ in range(2)]


def queries(batch=2, seqlen=3, heads=4, dim=8, dtype=torch.float32):
    return torch.randn(batch, seqlen, heads, dim).to(dtype)


def tables(dim=8, positions=ROOM + 2, dtype=torch.float32):
    angles = torch.rand(positions, dim // 2) * 6
    return angles.cos().to(dtype), angles.sin().to(dtype)


def turned(x, cos, sin, position, interleaved):
    """One token [heads, dim] by the angles of one position: as complex numbers."""
    half = cos.shape[1]
    x, turn = x.double(), torch.complex(cos[position].double(), sin[position].double())
    part, rest = x[:, : 2 * half], x[:, 2 * half :]
    pairs = part.unflatten(-1, (half, 2)) if interleaved else part.unflatten(-1, (2, half)).transpose(-1, -2)
    both = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * turn)
    both = both if interleaved else both.transpose(-1, -2)
    return torch.cat([both.flatten(-2), rest], -1)


def lengths(*values):
    return torch.tensor(values, dtype=torch.int32)


# ---------------------------------------------------------------- what is attended to


@pytest.mark.parametrize("used", [5, lengths(5, 5), lengths(5, 9), lengths(0, 12), None], ids=str)
@pytest.mark.parametrize("how", [{}, {"causal": True}, {"window": (2, 1)}, {"softcap": 1.0}], ids=str)
@pytest.mark.parametrize("seqlen", [1, 3])
def test_the_part_of_the_cache_that_is_used(used, how, seqlen):
    q, (k_cache, v_cache) = queries(seqlen=seqlen), caches()
    before = k_cache.clone(), v_cache.clone()
    options = {"window_size" if name == "window" else name: value for name, value in how.items()}
    out, lse = flash_attn_with_kvcache(
        q, k_cache, v_cache, cache_seqlens=used, return_softmax_lse=True, softmax_scale=0.4, **options
    )
    for b in range(2):
        end = ROOM if used is None else used if isinstance(used, int) else int(used[b])
        wanted = attention64(q[b : b + 1], k_cache[b : b + 1, :end], v_cache[b : b + 1, :end], scale=0.4, **how)
        assert torch.allclose(out[b].double(), wanted[0][0], atol=1e-6)
        assert torch.allclose(lse[b].double(), wanted[1][0], atol=1e-6)
    assert (lse.dtype, lse.shape) == (torch.float32, (2, 4, seqlen))
    assert torch.equal(k_cache, before[0])
    assert torch.equal(v_cache, before[1])
    alone = flash_attn_with_kvcache(q, k_cache, v_cache, cache_seqlens=used, softmax_scale=0.4, **options)
    assert torch.allclose(alone, out, atol=1e-6)


@pytest.mark.parametrize("used", [4, lengths(4, 7)], ids=str)
def test_new_keys_are_written_in_place_and_attended_to(used):
    q, (k_cache, v_cache), (k, v) = queries(), caches(), new()
    before = k_cache.clone(), v_cache.clone()
    out = flash_attn_with_kvcache(q, k_cache, v_cache, k, v, cache_seqlens=used, causal=True)
    for b in range(2):
        start = used if isinstance(used, int) else int(used[b])
        for cache, old, added in ((k_cache, before[0], k), (v_cache, before[1], v)):
            assert torch.equal(cache[b, :start], old[b, :start])
            assert torch.equal(cache[b, start : start + 3], added[b])
            assert torch.equal(cache[b, start + 3 :], old[b, start + 3 :])
        parts = [x[b : b + 1, : start + 3] for x in (k_cache, v_cache)]
        assert torch.allclose(out[b].double(), attention64(q[b : b + 1], *parts, causal=True)[0][0], atol=1e-6)


def test_generation_token_by_token_is_the_whole_at_once():
    q, (k, v) = queries(seqlen=6), new(seqlen=6)
    whole = dense.flash_attn_func(q, k, v, causal=True)
    k_cache, v_cache = caches()
    for i in range(6):
        one = slice(i, i + 1)
        out = flash_attn_with_kvcache(q[:, one], k_cache, v_cache, k[:, one], v[:, one], cache_seqlens=i, causal=True)
        assert torch.allclose(out, whole[:, one], atol=1e-6)


# ---------------------------------------------------------------- rows and padding


@pytest.mark.parametrize("used", [lengths(4, 4), lengths(4, 7)], ids=str)
def test_a_row_of_the_cache_for_each_sequence(used):
    q, (k_cache, v_cache), (k, v) = queries(), caches(rows=4), new()
    before = k_cache.clone()
    rows = lengths(3, 1)
    chosen = [x[rows.long()].clone() for x in (k_cache, v_cache)]
    wanted = flash_attn_with_kvcache(q, *chosen, k, v, cache_seqlens=used)
    out = flash_attn_with_kvcache(q, k_cache, v_cache, k, v, cache_seqlens=used, cache_batch_idx=rows)
    assert torch.allclose(out, wanted, atol=1e-6)
    assert torch.equal(k_cache[[3, 1]], chosen[0])
    assert torch.equal(v_cache[[3, 1]], chosen[1])
    assert torch.equal(k_cache[[0, 2]], before[[0, 2]])


@pytest.mark.parametrize("how", [{}, {"causal": True}, {"window": (2, 0)}], ids=str)
@pytest.mark.parametrize("start", [lengths(2, 2), lengths(0, 3), lengths(5, 5)], ids=str)
def test_what_lies_left_of_the_padding_is_not_seen(start, how):
    q, (k_cache, v_cache), (k, v) = queries(), caches(), new()
    options = {"window_size" if name == "window" else name: value for name, value in how.items()}
    out = flash_attn_with_kvcache(q, k_cache, v_cache, k, v, cache_seqlens=5, cache_leftpad=start, **options)
    for b in range(2):
        parts = [x[b : b + 1, int(start[b]) : 8] for x in (k_cache, v_cache)]
        assert torch.allclose(out[b].double(), attention64(q[b : b + 1], *parts, **how)[0][0], atol=1e-6)


# ---------------------------------------------------------------- rotation


@pytest.mark.parametrize("interleaved", [True, False, None])
@pytest.mark.parametrize("rotary_dim", [4, 8])
@pytest.mark.parametrize(
    ("options", "each"),
    [({}, False), ({"causal": True}, True), ({"window_size": (3, 2)}, True), ({"window_size": (ROOM, -1)}, False)],
    ids=str,
)
@pytest.mark.parametrize("start", [None, lengths(1, 3)], ids=str)
def test_positions_are_absolute(options, each, rotary_dim, interleaved, start):
    q, (k_cache, v_cache), (k, v), (cos, sin) = queries(), caches(), new(), tables(rotary_dim)
    q_before, used = q.clone(), lengths(4, 7)
    named = {} if interleaved is None else {"rotary_interleaved": interleaved}
    interleaved = True if interleaved is None else interleaved
    out = flash_attn_with_kvcache(
        q, k_cache, v_cache, k, v, cos, sin, cache_seqlens=used, cache_leftpad=start, **options, **named
    )
    assert torch.equal(q, q_before)
    for b in range(2):
        n = int(used[b])
        rotated = torch.stack([turned(k[b, i], cos, sin, n + i, interleaved) for i in range(3)])
        assert torch.allclose(k_cache[b, n : n + 3].double(), rotated, atol=1e-6)
        assert torch.equal(v_cache[b, n : n + 3], v[b])
        own = torch.stack([turned(q[b, i], cos, sin, n + (i if each else 0), interleaved) for i in range(3)])
        begin = 0 if start is None else int(start[b])
        parts = [x[b : b + 1, begin : n + 3] for x in (k_cache, v_cache)]
        window = options.get("window_size", (-1, -1))
        wanted = attention64(own[None], *parts, causal="causal" in options, window=window)[0][0]
        assert torch.allclose(out[b].double(), wanted, atol=1e-6)


@pytest.mark.parametrize("autocast", [False, True], ids=["", "autocast"])
@pytest.mark.parametrize("used", [4, lengths(4, 7)], ids=str)
@pytest.mark.parametrize("dtype", FLOAT_DTYPES, ids=dtype_name)
def test_dtype_layout_and_no_gradient(dtype, used, autocast):
    q, (k_cache, v_cache), (k, v) = queries(dtype=dtype), caches(dtype=dtype), new(dtype=dtype)
    cos, sin = tables(dtype=dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        out = flash_attn_with_kvcache(q.requires_grad_(), k_cache, v_cache, k, v, cos, sin, cache_seqlens=used)
    assert out.dtype == dtype
    assert out.is_contiguous()
    assert not out.requires_grad


# ---------------------------------------------------------------- the grid

GRID = list(
    itertools.product(
        [1, 3, 5],
        [(4, 4), (4, 2), (6, 1)],
        [{}, {"causal": True}, {"window": (3, 2)}, {"causal": True, "window": (4, -1)}],
        [0.0, 1.5],
        [None, "heads", "batch"],
        FLOAT_DTYPES,
        [lengths(4, 4), lengths(0, 7), lengths(7, 1)],
        [None, lengths(0, 1), lengths(3, 3)],
        [0, 1, 5],
    )
)
random.Random(2).shuffle(GRID)  # noqa: S311


def hold_to_the_grid(seqlen, heads, masking, softcap, alibi, dtype, used, start, added):
    q, (k_cache, v_cache) = queries(seqlen=seqlen, heads=heads[0], dtype=dtype), caches(heads_k=heads[1], dtype=dtype)
    k, v = new(seqlen=added, heads_k=heads[1], dtype=dtype) if added else (None, None)
    slopes = {None: None, "heads": torch.rand(heads[0]), "batch": torch.rand(2, heads[0])}[alibi]
    if start is not None:
        start = torch.minimum(start, used)
    out = flash_attn_with_kvcache(
        *(q, k_cache, v_cache, k, v),
        cache_seqlens=used,
        cache_leftpad=start,
        causal="causal" in masking,
        window_size=masking.get("window", (-1, -1)),
        softcap=softcap,
        alibi_slopes=slopes,
    )
    for b in range(2):
        begin = 0 if start is None else int(start[b])
        parts = [q[b : b + 1], *(x[b : b + 1, begin : int(used[b]) + added] for x in (k_cache, v_cache))]
        own = slopes[b : b + 1] if alibi == "batch" else slopes
        how = {"softcap": softcap, "slopes": own, **masking}
        wanted, usual = plain(*(x.double() for x in parts), **how), plain(*parts, **how)
        judge([out[b : b + 1]] * 4, [wanted] * 4, [usual] * 4, dtype)


@pytest.mark.parametrize("hidden", [False, True], ids=["", "without the newer APIs"])
def test_a_sample_of_the_grid(hidden, monkeypatch):
    if hidden:
        hide_newer_apis(monkeypatch, dense)
    for case in GRID[hidden * 200 : hidden * 200 + 200]:
        hold_to_the_grid(*case)


@pytest.mark.full
@pytest.mark.parametrize("part", range(10))
def test_the_grid(part):
    for case in GRID[part::10]:
        hold_to_the_grid(*case)


# ---------------------------------------------------------------- refused by name


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"k": new()[0]}, "k and v must be given together"),
        ({"k": new()[0], "v": new()[1], "cache_seqlens": None}, "k and v need cache_seqlens"),
        ({"k": new(heads_k=1)[0], "v": new(heads_k=1)[1]}, r"k and v must be \(2, 3, 2, 8\), but are \(2, 3, 1, 8\)"),
        ({"k": new(batch=1)[0], "v": new(batch=1)[1]}, r"k and v must be \(2, 3, 2, 8\), but are \(1, 3, 2, 8\)"),
        ({"k": new()[0].half(), "v": new()[1].half()}, "k and v must have q's dtype, but have torch.float16"),
        ({"k": new()[0], "v": new()[1], "rotary_cos": tables()[0]}, "rotary_cos and rotary_sin must be given together"),
        ({"rotary_cos": tables()[0], "rotary_sin": tables()[1]}, "need k and v"),
        (
            {"k": new()[0], "v": new()[1], "rotary_cos": tables(16)[0], "rotary_sin": tables(16)[1]},
            "rotary_cos of 8 columns rotates more than the 8 dimensions",
        ),
        (
            {"k": new()[0], "v": new()[1], "rotary_cos": tables(8, 7)[0], "rotary_sin": tables(8, 7)[1]},
            "position 7 is beyond the 7 rows of rotary_cos",
        ),
        ({"cache_seqlens": 13}, r"room for 12 keys, but holds \[13, 13\] and gets 0"),
        ({"cache_seqlens": lengths(3, 10), "k": new()[0], "v": new()[1]}, r"holds \[3, 10\] and gets 3"),
        ({"cache_seqlens": lengths(3, -1)}, r"holds \[3, -1\]"),
        ({"cache_seqlens": lengths(3)}, r"cache_seqlens must be \[2\] integers, but is \(1,\) of torch.int32"),
        ({"cache_seqlens": torch.tensor([1.0, 2.0])}, r"cache_seqlens must be \[2\] integers"),
        ({"cache_batch_idx": lengths(0, 2)}, r"the rows \[0, 2\], but the cache has 2 of them"),
        ({"cache_leftpad": lengths(6, 0)}, r"cache_leftpad must lie between 0 and the end of the sequence"),
        ({"alibi_slopes": torch.ones(3)}, "alibi_slopes must be"),
    ],
)
def test_what_does_not_fit_is_refused(options, sentence):
    k_cache, v_cache = caches()
    with pytest.raises(ValueError, match=sentence):
        flash_attn_with_kvcache(queries(), k_cache, v_cache, **{"cache_seqlens": 5, **options})


def test_more_sequences_than_rows_are_refused():
    with pytest.raises(ValueError, match=r"the rows \[0, 1, 2\], but the cache has 2 of them"):
        flash_attn_with_kvcache(queries(batch=3), *caches(), cache_seqlens=5)


def test_no_sequence_is_refused():
    with pytest.raises(ValueError, match="q has no sequence"):
        flash_attn_with_kvcache(queries(batch=0), *caches())


def test_a_paged_cache_is_refused():
    with pytest.raises(NotImplementedError, match="block_table"):
        flash_attn_with_kvcache(queries(), *caches(), block_table=torch.zeros(2, 1).int())
