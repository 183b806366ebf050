"""Puts another attention in the place of the one that the program calls, whichever that is.

Planted on the functions of a copied shim `flash_attn_torch`, at any depth of the tree; on those of the real flash_attn;
and on torch's scaled_dot_product_attention, which torch's own modules call too. What flash_attn's functions do inside
is then never reached, but for flash_attn_with_kvcache: it is left as it is, with all that it calls.
"""

import functools
import inspect
import os
import re
import sys

WRONG = ("scale-1", "causal-flipped", "no-transpose", "values-only", "heads-mixed", "across-batch")
REFERENCE = "float64"

SHIM = "flash_attn_torch"
REAL = {"flash_attn", "flash_attn.flash_attn_interface", "flash_attn_interface"}
STAMP = re.compile(rb"# patcher: copy of shim (?P<name>[\w./]+), sha256 [0-9a-f]{64}")

QKV, KV, PACKED = ("q", "k", "v"), ("q", "kv"), ("qkv",)
LENGTHS = ("cu_seqlens_q", "cu_seqlens_k", "max_seqlen_q", "max_seqlen_k")
OWN_LENGTHS = ("cu_seqlens", "max_seqlen")
# The leading arguments of each function; behind them stand the options.
FLASH = {
    "flash_attn_func": QKV,
    "flash_attn_kvpacked_func": KV,
    "flash_attn_qkvpacked_func": PACKED,
    "flash_attn_varlen_func": QKV + LENGTHS,
    "flash_attn_varlen_kvpacked_func": KV + LENGTHS,
    "flash_attn_varlen_qkvpacked_func": PACKED + OWN_LENGTHS,
    "flash_attn_unpadded_func": QKV + LENGTHS,
    "flash_attn_unpadded_kvpacked_func": KV + LENGTHS,
    "flash_attn_unpadded_qkvpacked_func": PACKED + OWN_LENGTHS,
}
OPTIONS = (
    "dropout_p",
    "softmax_scale",
    "causal",
    "window_size",
    "softcap",
    "alibi_slopes",
    "deterministic",
    "return_attn_probs",
)
KEPT = "flash_attn_with_kvcache"
SDPA = "scaled_dot_product_attention"
SDPA_ARGUMENTS = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")

running = {KEPT: 0}  # how many calls of what is left as it is are under way


def plant_attention(plant, awaited, recorder):
    """Plant an attention on every entry, as the modules that have them are loaded."""
    if plant not in (*WRONG, REFERENCE):
        raise ValueError("there is no attention called %s" % plant)
    awaited.add("torch".__eq__, lambda torch: plant_sdpa(torch, plant, recorder))
    awaited.add(
        lambda name: SHIM in name.split("."),
        lambda module: is_copy(module, SHIM) and plant_flash(module, plant, recorder),
    )
    awaited.add(REAL.__contains__, lambda module: plant_flash(module, plant, recorder))


def is_copy(module, shim):
    """Tell whether a module is a copy of a shim, or of a part of it, by the first line of its file."""
    path = getattr(module, "__file__", None) or ""
    if not path.endswith(".py"):
        return False
    with open(path, "rb") as file:
        found = STAMP.match(file.readline(400))
    return found is not None and found["name"].decode().split("/")[0] in (shim, shim + ".py")


def plant_sdpa(torch, plant, recorder):
    """Replace torch's own function, under both of its names."""
    from _patcher_calls import sdpa

    planted = in_place_of(torch.nn.functional.scaled_dot_product_attention, SDPA, SDPA_ARGUMENTS, sdpa(plant), recorder)
    torch.nn.functional.scaled_dot_product_attention = planted
    torch._C._nn.scaled_dot_product_attention = planted


def plant_flash(module, plant, recorder):
    """Replace the functions of a module that has flash_attn's, or some of them."""
    from _patcher_calls import flash

    for name in (*FLASH, KEPT):
        original = vars(module).get(name)
        if not inspect.isfunction(original) or hasattr(original, "_patcher_planted"):
            continue
        if name == KEPT:
            planted = kept(original)
        else:
            planted = in_place_of(original, name, argument_names(original, name), flash(name, plant), recorder)
        setattr(module, name, planted)


def argument_names(original, name):
    """Return the names of a function's arguments in their order, also where it passes its options on as they come."""
    arguments = inspect.signature(original).parameters.values()
    if any(one.kind is one.VAR_POSITIONAL for one in arguments):
        return FLASH[name] + OPTIONS
    return tuple(one.name for one in arguments if one.kind is one.POSITIONAL_OR_KEYWORD)


def in_place_of(original, name, names, compute, recorder):
    """Return a function that takes the original's arguments and gives them to `compute` by their names."""

    def note(why):
        recorder.once(attention=name)
        recorder.once(**{"misfit": why} if why else {"planted": True})

    def refused(what):
        recorder.once(attention=name)
        recorder.once(refused=[name, what, caller()])

    for one in (note, refused):
        one._dynamo_marked_constant = True  # torch.compile calls it where it is, and does not trace into it

    def planted(*args, **kwargs):
        if running[KEPT]:
            return original(*args, **kwargs)
        if len(args) > len(names):
            raise TypeError("%s takes %d positional arguments, but %d were given" % (name, len(names), len(args)))
        given = dict(zip(names, args))  # noqa: B905  (no `strict` in 3.8)
        given.update(kwargs)
        return compute(given, note, refused)

    return marked(planted, original)


def caller():
    """Return the file and line of the program that is under way, without what is torch's or the probe's."""
    frame, others = sys._getframe(1), (os.path.dirname(__file__), os.path.dirname(sys.modules["torch"].__file__))
    while frame is not None and frame.f_code.co_filename.startswith((*others, "<")):
        frame = frame.f_back
    return "%s:%d" % (os.path.relpath(frame.f_code.co_filename), frame.f_lineno) if frame else "?"


def kept(original):
    """Return a function that does what the original does, without a plant in what it calls."""

    def keeping(*args, **kwargs):
        running[KEPT] += 1
        try:
            return original(*args, **kwargs)
        finally:
            running[KEPT] -= 1

    return marked(keeping, original)


def marked(function, original):
    """Give a function the name, the text and the signature of the one that it stands for."""
    functools.update_wrapper(function, original)
    function._patcher_planted = True
    return function
