"""From what an entry is given to an attention and back: flash_attn's functions, and torch's own.

An argument that is not honoured is refused by name, and never ignored. A wrong attention that a call cannot have
leaves it right: `note` is told why, or nothing where the call has it.
"""

import torch
from _patcher_attention import BY_NAME, misfit

# They say how to compute, not what.
WITHOUT_EFFECT = ("deterministic", "max_seqlen", "max_seqlen_q", "max_seqlen_k", "num_splits", "pack_gqa", "sm_margin")


def quiet(told):
    """Tell nobody."""


def refuse(name, plant, given, dropout_p, refused):
    """Refuse the arguments that are left, unless they ask for nothing, and dropout, which has no one right result."""
    found = ["dropout_p > 0"] if plant == "float64" and dropout_p > 0 else []
    found += [argument for argument, value in given.items() if isinstance(value, torch.Tensor) or value]
    if found:
        refused(found[0])
        raise RuntimeError("the attention in the place of %s does not honour %s" % (name, found[0]))


def chosen(plant, queries, keys, note):
    """Return the attention that a call gets."""
    why = misfit(plant, queries, keys)
    note(why)
    return BY_NAME["float64" if why else plant]


# --- flash_attn -----------------------------------------------------------------------------------------------------


def flash(name, plant):
    """Return what computes one of flash_attn's functions from a dictionary of its arguments."""

    def compute(given, note=quiet, refused=quiet):
        q, k, v = unpack(given)
        lengths = given.pop("cu_seqlens", None)
        lengths_q, lengths_k = given.pop("cu_seqlens_q", lengths), given.pop("cu_seqlens_k", lengths)
        call = flash_options(q, given)
        refuse(name, plant, given, call["dropout_p"], refused)
        if lengths_q is None:
            return dense(plant, q, k, v, call, note)
        return packed(plant, q, k, v, lengths_q.tolist(), lengths_k.tolist(), call, note)

    return compute


def unpack(given):
    """Take q, k and v [..., heads, dim] out of the arguments."""
    if "qkv" in given:
        return given.pop("qkv").unbind(-3)
    if "kv" in given:
        k, v = given.pop("kv").unbind(-3)
        return given.pop("q"), k, v
    return given.pop("q"), given.pop("k"), given.pop("v")


def flash_options(q, given):
    """Take the options out of the arguments, and return them under the names that `_patcher_attention.right` has."""
    for argument in WITHOUT_EFFECT:
        given.pop(argument, None)
    scale = given.pop("softmax_scale", None)
    return {
        "scale": q.shape[-1] ** -0.5 if scale is None else scale,
        "causal": given.pop("causal", False),
        "window": given.pop("window_size", (-1, -1)),
        "softcap": given.pop("softcap", 0.0),
        "slopes": given.pop("alibi_slopes", None),
        "dropout_p": given.pop("dropout_p", 0.0),
    }


def dense(plant, q, k, v, call, note):
    """Attend with tensors [batch, seqlen, heads, dim]; causal at the bottom right."""
    heads_first = [x.transpose(1, 2) for x in (q, k, v)]
    attention = chosen(plant, q.shape[1], k.shape[1], note)
    out = attention(*heads_first, offset=k.shape[1] - q.shape[1], **call)
    return out.transpose(1, 2).to(q.dtype).contiguous()


def packed(plant, q, k, v, ends_q, ends_k, call, note):
    """Attend within each sequence of tensors [total, heads, dim]; the batch is the pack, so across it is all of it."""
    slopes = call["slopes"]
    if plant == "across-batch":
        plant, ends_q, ends_k, slopes = "float64", (0, ends_q[-1]), (0, ends_k[-1]), None
    found = []
    for at in range(len(ends_q) - 1):
        rows, keys = slice(*ends_q[at : at + 2]), slice(*ends_k[at : at + 2])
        own = slopes[at] if slopes is not None and slopes.dim() == 2 else slopes
        if rows.start < rows.stop:
            found.append(dense(plant, q[rows][None], k[keys][None], v[keys][None], dict(call, slopes=own), note)[0])
    behind = q.new_zeros(q.shape[0] - ends_q[-1], q.shape[1], v.shape[2])
    return torch.cat([*found, behind])


# --- torch ----------------------------------------------------------------------------------------------------------


def sdpa(plant):
    """Return what computes scaled_dot_product_attention from a dictionary of its arguments."""

    def compute(given, note=quiet, refused=quiet):
        q, k, v = given.pop("query"), given.pop("key"), given.pop("value")
        mask, scale = given.pop("attn_mask", None), given.pop("scale", None)
        call = {
            "scale": q.shape[-1] ** -0.5 if scale is None else scale,
            "causal": given.pop("is_causal", False),
            "dropout_p": given.pop("dropout_p", 0.0),
        }
        given.pop("enable_gqa", None)  # the heads say it
        refuse("scaled_dot_product_attention", plant, given, call["dropout_p"], refused)
        check(q, k, v, refused)
        if hasattr(mask, "_materialize"):  # one of torch.nn.attention.bias
            mask = mask._materialize(q.device)
        if mask is not None:
            call["mask"] = folded(mask.expand(q.shape[:-1] + k.shape[-2:-1]))
        attention = chosen(plant, q.shape[-2], k.shape[-2], note)
        out = attention(folded(q), folded(k), folded(v), offset=0, **call).to(result_dtype(q))
        # The fused kernels leave [batch, seqlen, heads, dim] in memory: callers transpose their result and `.view` it.
        out = out.transpose(1, 2).contiguous().transpose(1, 2)
        return out if q.dim() == 4 else out.reshape(q.shape[:-1] + v.shape[-1:])

    return compute


def check(q, k, v, refused):
    """Refuse what has no axes to be taken for each other, and what torch would broadcast."""
    if any(one.is_nested for one in (q, k, v)):
        refused("nested tensors")
        raise RuntimeError("the attention in the place of torch's own does not honour nested tensors")
    if not q.shape[:-3] == k.shape[:-3] == v.shape[:-3] or (q.dim() == 3 and q.shape[0] != k.shape[0]):
        refused("a key and value of another batch")
        raise RuntimeError("the attention in the place of torch's own takes no key and value of another batch")


def folded(x):
    """Return a tensor as [batch, heads, seqlen, dim], however many dimensions stand before the sequence."""
    return x.reshape((-1, *x.shape[-3:])) if x.dim() >= 4 else x[(None,) * (4 - x.dim())]


def result_dtype(q):
    """Return the dtype of torch's own result: autocast takes the function in its lower precision."""
    device = q.device.type
    if device not in ("cpu", "cuda") or q.dtype == torch.float64:
        return q.dtype
    if hasattr(torch, "get_autocast_dtype"):  # torch >= 2.4
        return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else q.dtype
    if device == "cpu":
        return torch.get_autocast_cpu_dtype() if torch.is_autocast_cpu_enabled() else q.dtype
    return torch.get_autocast_gpu_dtype() if torch.is_autocast_enabled() else q.dtype
