"""Padding off and on as in flash_attn.bert_padding (2.8), in plain torch.

Replaces, with the same arguments and results::

    unpad_input(x, mask, unused_mask=None)  -> (tokens, indices, cu_seqlens, max_seqlen, used_seqlens)
    unpad_input_for_concatenated_sequences(x, lengths)  -> (tokens, indices, cu_seqlens, max_seqlen)
    pad_input(tokens, indices, batch, seqlen)  -> x, with zeros where there was padding
    index_first_axis(x, indices), index_first_axis_residual(x, indices)
    index_put_first_axis(values, indices, first_axis_dim)

Equal to what: the very same numbers, as values are only moved; the gradients too. An index that occurs twice
sums its gradients in index_first_axis, where flash-attn keeps one of them.

Note that unpad_input gives five results since flash-attn 2.7; before that it gave the first four. cu_seqlens is
int32 and begins with 0; max_seqlen is a Python int, so a GPU is waited for once.

Accepted here though flash-attn refuses it: tensors without a dimension behind (batch, seqlen). Nothing is refused.
"""

import torch
import torch.nn.functional as F

__all__ = [
    "IndexFirstAxis",
    "IndexFirstAxisResidual",
    "IndexPutFirstAxis",
    "index_first_axis",
    "index_first_axis_residual",
    "index_put_first_axis",
    "pad_input",
    "unpad_input",
    "unpad_input_for_concatenated_sequences",
]


def index_first_axis(input, indices):
    """[n, ...] and [k] -> [k, ...]."""
    return input.index_select(0, indices)


def index_first_axis_residual(input, indices):
    """index_first_axis, and the input once more: both may be used, and their gradients add up."""
    return input.index_select(0, indices), input.view_as(input)


def index_put_first_axis(values, indices, first_axis_dim):
    """[k, ...] and [k] -> [first_axis_dim, ...], zero where no index points."""
    return values.new_zeros(first_axis_dim, *values.shape[1:]).index_copy(0, indices, values)


class IndexFirstAxis:
    """For code that calls IndexFirstAxis.apply, as flash-attn's autograd function is called."""

    apply = staticmethod(index_first_axis)


class IndexFirstAxisResidual:
    apply = staticmethod(index_first_axis_residual)


class IndexPutFirstAxis:
    apply = staticmethod(index_put_first_axis)


def unpad_input(hidden_states, attention_mask, unused_mask=None):
    """Keep the tokens that a mask marks.

    hidden_states: [batch, seqlen, ...]
    attention_mask: [batch, seqlen], bool or int, 1 where a token counts.
    unused_mask: the same, 1 where room is to be kept for a token that does not count.

    Returns the tokens [total, ...] under either mask; where they were in [batch * seqlen], [total]; cu_seqlens
    [batch + 1], int32; the longest sequence; and how many tokens of each sequence count, [batch], int32.
    """
    kept = attention_mask if unused_mask is None else attention_mask + unused_mask
    lengths = kept.sum(dim=-1, dtype=torch.int32)
    used = attention_mask.sum(dim=-1, dtype=torch.int32)
    indices = _where(kept)
    tokens = index_first_axis(hidden_states.flatten(0, 1), indices)
    return tokens, indices, _cumulative(lengths), lengths.max().item(), used


def unpad_input_for_concatenated_sequences(hidden_states, attention_mask_in_length):
    """Keep the tokens of rows that hold several sequences one behind the other.

    attention_mask_in_length: [batch, seqlen], int. Its nonzero entries are the lengths of the sequences of a
    row, so [2, 3, 0, 0, 0, 0] is a row of two sequences and one token of padding.

    Returns the first four results of unpad_input, for sequences instead of rows.
    """
    row_lengths = attention_mask_in_length.sum(dim=-1)
    seqlen = attention_mask_in_length.shape[-1]
    kept = torch.arange(seqlen, device=row_lengths.device) < row_lengths[:, None]
    lengths = attention_mask_in_length[attention_mask_in_length != 0]
    indices = _where(kept)
    tokens = index_first_axis(hidden_states.flatten(0, 1), indices)
    return tokens, indices, _cumulative(lengths), lengths.max().item()


def pad_input(hidden_states, indices, batch, seqlen):
    """[total, ...] and [total] -> [batch, seqlen, ...], zero where there was padding."""
    return index_put_first_axis(hidden_states, indices, batch * seqlen).unflatten(0, (batch, seqlen))


def _where(mask):
    return mask.flatten().nonzero().flatten()


def _cumulative(lengths):
    return F.pad(lengths.cumsum(0, dtype=torch.int32), (1, 0))
