"""Attention from its definition, and the criterion by which the shim flash_attn_torch is held to it.

The measure is attention in float64. The criterion is that of flash-attention's own tests: an error of at most twice
that of a plain softmax in the same dtype.
"""

import math

import torch

FLOAT_DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


def dtype_name(dtype):
    return str(dtype).split(".")[1]


def sees(i, j, seqlen_q, seqlen_k, causal=False, window=(-1, -1)):
    left, right = window[0], 0 if causal else window[1]
    diagonal = i + seqlen_k - seqlen_q
    return (left < 0 or j >= diagonal - left) and (right < 0 or j <= diagonal + right)


def attention64(q, k, v, causal=False, window=(-1, -1), scale=None, softcap=0.0, slopes=None):
    """[batch, seq, heads, dim] in, float64 out; one softmax for each batch, head and query. Also the lse."""
    q, k, v = q.double(), k.double(), v.double()
    batch, seqlen_q, heads, dim = q.shape
    seqlen_k, heads_k = k.shape[1], k.shape[2]
    scale = 1 / math.sqrt(dim) if scale is None else scale
    out, lse = [], []
    for b in range(batch):
        for h in range(heads):
            keys, values = k[b, :, h // (heads // heads_k)], v[b, :, h // (heads // heads_k)]
            for i in range(seqlen_q):
                visible = [j for j in range(seqlen_k) if sees(i, j, seqlen_q, seqlen_k, causal, window)]
                if not visible:
                    out.append(torch.zeros(dim, dtype=torch.float64))
                    lse.append(torch.tensor(math.inf, dtype=torch.float64))
                    continue
                scores = keys[visible] @ q[b, i, h] * scale
                if softcap > 0:
                    scores = softcap * torch.tanh(scores / softcap)
                if slopes is not None:
                    slope = slopes.double().expand(batch, heads)[b, h]
                    scores = scores - slope * (i + seqlen_k - seqlen_q - torch.tensor(visible)).abs()
                out.append(torch.softmax(scores, 0) @ values[visible])
                lse.append(torch.logsumexp(scores, 0))
    out = torch.stack(out).reshape(batch, heads, seqlen_q, dim).transpose(1, 2)
    return out, torch.stack(lse).reshape(batch, heads, seqlen_q)


def plain(q, k, v, causal=False, window=(-1, -1), scale=None, softcap=0.0, slopes=None):
    """Softmax attention as one writes it down, in the inputs' own dtype."""
    seqlen_q, heads, seqlen_k = q.shape[1], q.shape[2], k.shape[1]
    k, v = (x.repeat_interleave(heads // x.shape[2], dim=2) for x in (k, v))
    scores = torch.einsum("bihd,bjhd->bhij", q, k) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if softcap > 0:
        scores = softcap * torch.tanh(scores / softcap)
    pairs = [[sees(i, j, seqlen_q, seqlen_k, causal, window) for j in range(seqlen_k)] for i in range(seqlen_q)]
    visible = torch.tensor(pairs, dtype=torch.bool).reshape(seqlen_q, seqlen_k)
    if slopes is not None:
        distance = torch.arange(seqlen_q)[:, None] + seqlen_k - seqlen_q - torch.arange(seqlen_k)
        scores = scores - (slopes.double()[..., None, None] * distance.abs()).to(q.dtype)
    seen = visible.any(-1)
    weights = torch.softmax(scores.masked_fill(~(visible | ~seen[:, None]), -math.inf), -1)
    weights = weights * seen[:, None].to(q.dtype)
    return torch.einsum("bhij,bjhd->bihd", weights, v)


def with_gradients(function, tensors, upstream):
    """The output of the function and its gradients with respect to q, k and v."""
    leaves = [x.detach().clone().requires_grad_() for x in tensors]
    out = function(*leaves)
    out = out[0] if isinstance(out, tuple) else out
    return [out, *torch.autograd.grad(out, leaves, upstream.to(out.dtype))]


def assert_attention(function, q, k, v, **how):
    """The criterion, for the output and all three gradients."""
    upstream = torch.randn(q.shape).to(q.dtype)
    wanted = with_gradients(lambda *x: attention64(*x, **how), (q.double(), k.double(), v.double()), upstream)
    usual = with_gradients(lambda *x: plain(*x, **how), (q, k, v), upstream)
    judge(with_gradients(function, (q, k, v), upstream), wanted, usual, q.dtype)


def judge(got, wanted, usual, dtype):
    """Hold an output and its gradients to what float64 says, by what a plain softmax in the same dtype errs."""
    for name, want, same_dtype, have in zip(("out", "dq", "dk", "dv"), wanted, usual, got, strict=True):
        assert have.shape == want.shape, name
        assert have.dtype == dtype, name
        assert have.isfinite().all(), name
        if want.numel() == 0:
            continue
        # Above a floor of some roundings of the largest value: a plain softmax may be exact by luck, as over one key,
        # and in float64 the reference itself has rounded.
        roundings = {torch.float64: 128, torch.float32: 64}.get(dtype, 1)
        floor = roundings * torch.finfo(dtype).eps * max(1.0, want.abs().max().item())
        allowed = 2 * (same_dtype.double() - want).abs().max().item() + floor
        error = (have.double() - want).abs().max().item()
        assert error <= allowed, f"{name}: error {error:.2e}, allowed {allowed:.2e}"


def plain_varlen(q, k, v, lengths_q, lengths_k, slopes=None, **how):
    """`plain` of each sequence of packed ones, zeros for the tokens behind the last."""
    outs, at_q, at_k = [], 0, 0
    for b, (n_q, n_k) in enumerate(zip(lengths_q, lengths_k, strict=True)):
        parts = q[None, at_q : at_q + n_q], k[None, at_k : at_k + n_k], v[None, at_k : at_k + n_k]
        own = slopes if slopes is None or slopes.dim() == 1 else slopes[b : b + 1]
        outs.append(plain(*parts, slopes=own, **how)[0])
        at_q, at_k = at_q + n_q, at_k + n_k
    return torch.cat([*outs, torch.zeros_like(q[at_q:])])


def assert_varlen(function, q, k, v, lengths_q, lengths_k, **how):
    """The criterion for packed sequences; the reference is that of each sequence in float64."""
    upstream = torch.randn(q.shape).to(q.dtype)
    doubles = [x.double() for x in (q, k, v)]
    wanted = with_gradients(lambda *x: plain_varlen(*x, lengths_q, lengths_k, **how), doubles, upstream)
    usual = with_gradients(lambda *x: plain_varlen(*x, lengths_q, lengths_k, **how), (q, k, v), upstream)
    judge(with_gradients(function, (q, k, v), upstream), wanted, usual, q.dtype)


def ends(lengths, dtype=torch.int32):
    """cu_seqlens of sequences of these lengths."""
    return torch.tensor([0, *lengths]).cumsum(0).to(dtype)


def sdpa_of_torch_2_0(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False):
    """Neither `scale` nor `enable_gqa`, and NaN where a query sees no key."""
    assert key.shape[1] == query.shape[1]
    wide = torch.float64 if query.dtype == torch.float64 else torch.float32
    scores = query.to(wide) @ key.to(wide).transpose(-2, -1) / math.sqrt(query.shape[-1])
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if attn_mask is not None and attn_mask.dtype != torch.bool:
        assert attn_mask.dtype == query.dtype
        scores = scores + attn_mask
    elif attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -math.inf)
    weights = (scores - scores.detach().amax(-1, keepdim=True)).exp()
    return (torch.dropout(weights / weights.sum(-1, keepdim=True), dropout_p, True) @ value.to(wide)).to(query.dtype)


def hide_newer_apis(monkeypatch, shim):
    """Make the shim believe that this is torch 2.0."""
    monkeypatch.setattr(shim, "_SDPA_TAKES", ["query", "key", "value", "attn_mask", "dropout_p", "is_causal"])
    monkeypatch.setattr(shim, "causal_lower_right", None)
    monkeypatch.setattr(shim, "_LSE_KERNEL", None)
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", sdpa_of_torch_2_0)


def qkv(seqlen_q=7, seqlen_k=7, heads=4, heads_k=4, dim=8, batch=2, dtype=torch.float32):
    q = torch.randn(batch, seqlen_q, heads, dim).to(dtype)
    k, v = (torch.randn(batch, seqlen_k, heads_k, dim).to(dtype) for _ in range(2))
    return q, k, v
