"""Attention with the interface of flash-attn 2, in plain torch: it needs no GPU, no nvcc and no build.

Replaces, from flash-attn 2.8, with the same positional order, keywords, layouts and return values::

    flash_attn_func(q, k, v, ...)    q [batch, seqlen_q, heads, dim], k and v [batch, seqlen_k, heads_k, dim]

The other functions of flash-attn have files of their own, and so has what makes some options faster on CUDA: cuda.py.
A tree has those files that it uses; each function computes the same without cuda.py.

Equal to what: against attention in float64, output and gradients err at most twice as much as a plain
softmax(q k^T) v in the same dtype does, as in flash-attn's own tests. Dropout draws other random numbers.

Like flash-attn, and unlike a bare call of torch's scaled_dot_product_attention (SDPA):

- query i sees key j if  i + seqlen_k - seqlen_q - left <= j <= i + seqlen_k - seqlen_q + right; causal means
  right = 0, and a negative side has no limit: the mask is aligned at the bottom right, not at the top left;
- a query that sees no key gives an output of 0 and gradients of 0, never NaN;
- with fewer key heads than query heads, query head h reads key head h // (heads / heads_k);
- the output is contiguous and has q's dtype, under autocast too.

Accepted here though flash-attn refuses it: CPU, float32 and float64, any head dim, softcap with dropout.
Refused by name: return_attn_probs with dropout (its third result would be flash-attn's own random mask), and
shapes, dtypes or devices that do not fit together, some of which SDPA would broadcast in silence.
Without effect: `deterministic`; in torch that switch is torch.use_deterministic_algorithms.

Memory: softcap, alibi_slopes in 16 bits, and return_attn_probs on a GPU hold all batch * heads * seqlen_q * seqlen_k
scores, where cuda.py does not serve them. The rest runs on torch's fused kernels; a window or unequal lengths may
add a mask of [seqlen_q, seqlen_k], alibi_slopes one for each slope.

Works with torch >= 2.0 and Python >= 3.8; float16 on a CPU where torch itself can multiply it (2.0 cannot).
"""

import contextlib
import importlib.util
import math

import torch
import torch.nn.functional as F

try:
    from torch.nn.attention.bias import causal_lower_right
except ImportError:  # torch < 2.3
    causal_lower_right = None

__version__ = "2.8.3"  # of the flash-attn whose interface this is, for code that asks
__all__ = ["flash_attn_func"]

# Where the rest of flash_attn's names is.
_ELSEWHERE = {
    "kvcache": ["flash_attn_with_kvcache"],
    "packed": ["flash_attn_kvpacked_func", "flash_attn_qkvpacked_func"],
    "varlen": [
        "flash_attn_varlen_func",
        "flash_attn_varlen_kvpacked_func",
        "flash_attn_varlen_qkvpacked_func",
        "flash_attn_unpadded_func",  # the names of flash-attn 1
        "flash_attn_unpadded_kvpacked_func",
        "flash_attn_unpadded_qkvpacked_func",
    ],
}

# What a tree has too if one of these words stands in a file of it that imports from here.
_FASTER = {"cuda": ["softcap", "alibi_slopes", "use_alibi", "window_size", "return_attn_probs"]}


def __getattr__(name):
    for module, names in _ELSEWHERE.items():
        if name in names:
            return getattr(importlib.import_module("." + module, __name__), name)
    return _modules_of(__name__)(name)


def _modules_of(package):
    """The `__getattr__` of a package that imports its modules as they are asked for."""

    def module(name):
        if name.startswith("__") or importlib.util.find_spec("." + name, package) is None:
            raise AttributeError(f"{package} has no {name}")
        return importlib.import_module("." + name, package)

    return module


# What this torch's scaled_dot_product_attention can be told: `scale` came with 2.1, `enable_gqa` with 2.5.
_SDPA_TAKES = [a.name for a in torch.ops.aten.scaled_dot_product_attention.default._schema.arguments]

# What SDPA itself runs on a CPU, which tells the logsumexp too; with a mask since 2.3.
_LSE_KERNEL = getattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", None)
if _LSE_KERNEL and "attn_mask" not in [a.name for a in _LSE_KERNEL.default._schema.arguments]:
    _LSE_KERNEL = None

# Where there is autocast to be switched off. Found out here, as torch.compile cannot trace the question.
_may_autocast = getattr(torch.amp, "is_autocast_available", ("cpu", "cuda").__contains__)  # torch >= 2.4
_AUTOCAST_DEVICES = [device_type for device_type in ("cpu", "cuda", "mps", "xpu") if _may_autocast(device_type)]


def flash_attn_func(
    q,
    k,
    v,
    dropout_p=0.0,
    softmax_scale=None,
    causal=False,
    window_size=(-1, -1),
    softcap=0.0,
    alibi_slopes=None,
    deterministic=False,
    return_attn_probs=False,
):
    """Attention of q [batch, seqlen_q, heads, dim] over k and v [batch, seqlen_k, heads_k, dim].

    dropout_p: chance that an attention weight is dropped; no train/eval switch: pass 0.0 to evaluate.
    softmax_scale: factor on q k^T, by default 1 / sqrt(dim).
    window_size: (left, right) as in the header; a list, a tuple or a tensor.
    softcap: if above 0, scores become softcap * tanh(scores / softcap).
    alibi_slopes: [heads] or [batch, heads]; adds -slope * |i + seqlen_k - seqlen_q - j|. Gets no gradient.

    Returns [batch, seqlen_q, heads, dim]. With return_attn_probs a tuple: that, the logsumexp of the scores
    ([batch, heads, seqlen_q], float32, +inf where a query sees no key, no gradient), and an empty tensor.
    """
    _check(q, k, v, dropout_p, alibi_slopes, return_attn_probs)
    options = (dropout_p, softmax_scale, causal, window_size, softcap, alibi_slopes)
    out, lse = _attend(q, k, v, *options, return_attn_probs)
    return (out, lse, out.new_empty(0)) if return_attn_probs else out


def _attend(q, k, v, dropout_p, softmax_scale, causal, window_size, softcap, alibi_slopes, want_lse):
    """flash_attn_func behind its checks. Returns the output, and the lse if it is wanted."""
    scale = q.shape[-1] ** -0.5 if softmax_scale is None else softmax_scale
    seqlen_q, seqlen_k = q.shape[1], k.shape[1]
    left, right = _limits(window_size, causal, seqlen_q, seqlen_k)
    # The queries that see no key are the first ones. They are left out: softmax over nothing is NaN in many a torch.
    blind = 0 if right < 0 else max(0, seqlen_q - seqlen_k - right)
    blind = blind if seqlen_k > 0 else seqlen_q
    q = q.narrow(1, blind, seqlen_q - blind) if blind else q
    # The fused kernels want a last dimension of stride 1, whatever the other strides.
    q, k, v = [x if x.stride(-1) == 1 else x.contiguous() for x in (q, k, v)]
    # To SDPA's layout, [batch, heads, seq, dim]: given the other it attends across heads and raises nothing.
    q, k, v = [x.transpose(1, 2) for x in (q, k, v)]
    options = (dropout_p, scale, left, right, softcap, alibi_slopes, want_lse)
    with _no_autocast(q.device.type):
        out, lse = _way(q, k, *options)(q, k, v, *options)
    out = out.transpose(1, 2).contiguous()  # callers `.view` it; after a fused kernel this copies nothing
    if blind:
        out = F.pad(out, (0, 0, 0, 0, blind, 0))
        lse = F.pad(lse, (blind, 0), value=math.inf) if want_lse else None
    return out, lse


def _way(q, k, dropout_p, scale, left, right, softcap, alibi_slopes, want_lse):
    """The function that computes it, from [batch, heads, seq, dim] to the output and, if wanted, the lse."""
    # With a bias SDPA wants q's dtype of it, and in 16 bits a distance has three digits.
    rough = alibi_slopes is not None and q.dtype not in (torch.float32, torch.float64)
    unfused = softcap > 0 or rough or (want_lse and (_LSE_KERNEL is None or q.device.type != "cpu"))
    if q.numel() == 0 or k.numel() == 0:
        return _by_definition
    if q.device.type == "cuda" and _CUDA is not None:
        faster = _CUDA.way(q, k, dropout_p, left, right, softcap, alibi_slopes, want_lse, unfused)
        if faster is not None:
            return faster
    return _by_definition if unfused else _by_sdpa


def _check(q, k, v, dropout_p, alibi_slopes, return_attn_probs, batch=None):
    """Refuse what does not fit together: SDPA broadcasts some of it without a word.

    q, k and v are [batch, seqlen, heads, dim], or [tokens, heads, dim] where `batch` sequences are packed.
    """
    form = "four dimensions, [batch, seqlen, heads, dim]" if batch is None else "three dimensions, [tokens, heads, dim]"
    wrong = None
    if not q.dim() == k.dim() == v.dim() == (4 if batch is None else 3):
        wrong = f"q, k and v must have {form}"
    elif k.shape != v.shape:
        wrong = "k and v must have the same shape"
    elif batch is None and q.shape[0] != k.shape[0]:
        wrong = "q, k and v must have the same batch size"
    elif q.shape[-1] != k.shape[-1]:
        wrong = "q, k and v must have the same head dim"
    elif k.shape[-2] == 0 or q.shape[-2] % k.shape[-2] != 0:
        wrong = "the heads of q must be a multiple of the heads of k and v"
    elif not q.dtype == k.dtype == v.dtype or not q.is_floating_point():
        wrong = f"q, k and v must have one floating dtype, but have {q.dtype}, {k.dtype} and {v.dtype}"
    elif not q.device == k.device == v.device:
        wrong = f"q, k and v must be on one device, but are on {q.device}, {k.device} and {v.device}"
    elif not 0.0 <= dropout_p < 1.0:
        wrong = f"dropout_p must be at least 0 and below 1, but is {dropout_p}"
    elif alibi_slopes is not None and tuple(alibi_slopes.shape) not in (
        (q.shape[-2],),
        (q.shape[0] if batch is None else batch, q.shape[-2]),
    ):
        wrong = f"alibi_slopes must be [heads] or [batch, heads], but has shape {tuple(alibi_slopes.shape)}"
    if wrong:
        shapes = ", ".join(f"{name} {tuple(x.shape)}" for name, x in (("q", q), ("k", k), ("v", v)))
        raise ValueError(f"flash_attn_torch: {wrong} (shapes: {shapes})")
    if return_attn_probs and dropout_p > 0:
        raise NotImplementedError(
            "flash_attn_torch: return_attn_probs with dropout_p > 0 is not supported, as it would return the "
            "random mask that flash-attn draws; set dropout_p=0.0 or leave out return_attn_probs"
        )


def _limits(window_size, causal, seqlen_q, seqlen_k):
    """The window as (left, right), each -1 if it hides no key: then a kernel without a mask can be used."""
    left, right = [int(side) for side in window_size]
    if causal:
        right = 0
    # On its diagonal key a query has at most seqlen_k - 1 keys to the left and seqlen_q - 1 to the right.
    return (
        -1 if left < 0 or left >= seqlen_k - 1 else left,
        -1 if right < 0 or right >= seqlen_q - 1 else right,
    )


def _no_autocast(device_type):
    """Under autocast SDPA answers float32 with bfloat16; flash-attn's kernels are not touched by autocast."""
    if device_type in _AUTOCAST_DEVICES:
        return torch.autocast(device_type, enabled=False)
    return contextlib.nullcontext()


def _mask(q, k, left, right, alibi_slopes, dtype):
    """What is added to the scores, [seqlen_q, seqlen_k] or for slopes [1 or batch, heads, seqlen_q, seqlen_k].

    Not cached: a mask made in inference_mode could not be used for training.
    """
    i = torch.arange(q.shape[2], device=q.device)[:, None] + (k.shape[2] - q.shape[2])
    distance = torch.arange(k.shape[2], device=q.device) - i  # 0 on the bottom-right diagonal
    mask = torch.zeros_like(distance, dtype=dtype)
    if alibi_slopes is not None:
        slopes = alibi_slopes.detach().to(dtype)[..., None, None]
        mask = -(slopes if slopes.dim() == 4 else slopes[None]) * distance.abs()
    if left >= 0:
        mask = mask.masked_fill(distance < -left, -math.inf)
    if right >= 0:
        mask = mask.masked_fill(distance > right, -math.inf)
    return mask


def _by_sdpa(q, k, v, dropout_p, scale, left, right, softcap, alibi_slopes, want_lse):
    """On torch's fused kernels."""
    causal = alibi_slopes is None and left < 0 and right == 0
    is_causal = causal and q.shape[2] == k.shape[2]  # on a square SDPA's own mask, at the top left, is the same
    mask = None
    if causal and not is_causal and not want_lse and _has_lower_right_kernel(q):
        mask = causal_lower_right(q.shape[2], k.shape[2])
    elif not is_causal and (alibi_slopes is not None or left >= 0 or right >= 0):
        mask = _mask(q, k, left, right, alibi_slopes, q.dtype)
    if want_lse:
        k, v = _for_each_query_head(k, q), _for_each_query_head(v, q)
        out, lse = _LSE_KERNEL(q, k, v, 0.0, is_causal, attn_mask=mask, scale=scale)
        return out, lse.detach().float()
    options = {}
    if k.shape[1] != q.shape[1]:
        if _has_grouped_kernel(q, mask):
            options["enable_gqa"] = True
        else:
            k, v = _for_each_query_head(k, q), _for_each_query_head(v, q)
    if "scale" in _SDPA_TAKES:
        options["scale"] = scale
    else:
        factor = scale * math.sqrt(q.shape[-1])  # torch 2.0 always divides by sqrt(dim)
        q = q if math.isclose(factor, 1.0) else q * factor
    return F.scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal, **options), None


def _for_each_query_head(x, q):
    """[batch, heads_k, seq, dim] with q's heads: [h0, h0, h1, h1], where `.repeat` gives [h0, h1, h0, h1]."""
    return x[:, :, None].expand(-1, -1, q.shape[1] // x.shape[1], -1, -1).flatten(1, 2)


def _has_grouped_kernel(q, mask):
    """Whether a fused kernel takes fewer key heads than query heads; else enable_gqa would mean unfused."""
    if "enable_gqa" not in _SDPA_TAKES or q.device.type != "cuda":
        return "enable_gqa" in _SDPA_TAKES and q.device.type == "cpu"
    # On CUDA the flash kernel does: 16 bits, no mask, head dim up to 256, an A100 or newer.
    fits = mask is None and q.dtype in (torch.float16, torch.bfloat16) and q.shape[-1] <= 256
    return fits and torch.cuda.get_device_properties(q.device).major >= 8


def _has_lower_right_kernel(q):
    # torch.compile cannot trace the making of that bias; it gets the mask.
    return causal_lower_right is not None and q.device.type == "cuda" and not torch.compiler.is_compiling()


def _by_definition(q, k, v, dropout_p, scale, left, right, softcap, alibi_slopes, want_lse):
    """What SDPA cannot do, in float32 or better."""
    dtype, wide = q.dtype, torch.float64 if q.dtype == torch.float64 else torch.float32
    q, k, v = [_for_each_query_head(x.to(wide), q) for x in (q, k, v)]
    scores = (q @ k.transpose(-2, -1)) * scale  # [batch, heads, seqlen_q, seqlen_k]
    if softcap > 0:
        scores = softcap * torch.tanh(scores / softcap)
    scores = scores + _mask(q, k, left, right, alibi_slopes, wide)
    out = F.dropout(torch.softmax(scores, dim=-1), dropout_p) @ v
    return out.to(dtype), torch.logsumexp(scores.detach(), dim=-1).float() if want_lse else None


# Imported last, as it needs nothing of this file, and not by name, as a tree need not have it.
_PACKAGE = __name__ if "__path__" in globals() else None  # a person may have made it one file
_CUDA = importlib.import_module(".cuda", _PACKAGE) if _PACKAGE and importlib.util.find_spec(".cuda", _PACKAGE) else None
