"""A tokenizer of bytes, for a machine on which the tokenizer that a program asks for cannot be had.

`load_tokenizer(GPT2Tokenizer, "gpt2")` stands in for `GPT2Tokenizer.from_pretrained("gpt2")`. It returns what that
returns, if that has tokens. Without network it has none: transformers 4 raises OSError, or TypeError as it opens a file
None, and transformers 5 returns a tokenizer with a vocabulary of 0 and raises nothing. Then a warning says so, and
`ByteTokenizer` is returned.

ByteTokenizer has the calls of a tokenizer of transformers that a training program makes: encode, decode, batch_decode,
tokenizer(texts), pad_token and its like. A token is a byte of the UTF-8 text, and 256 ends a text; so every text has
tokens, and `decode(encode(text))` is the text. It is the same in every process and on every machine, and can be
pickled. A model that was trained on it knows bytes: its checkpoints do not fit the tokenizer that was asked for.

Refused by name, with NotImplementedError: what a tokenizer of bytes cannot honour, as new tokens, chat templates and
offsets.

Works with Python >= 3.8; return_tensors="pt" needs torch.
"""

import warnings

__all__ = ["ByteTokenizer", "load_tokenizer"]

EOS = 256


def load_tokenizer(kind, name, *arguments, **options):
    """Return `kind.from_pretrained(name)` if that has tokens, else, with a warning, a tokenizer of bytes."""
    try:
        found = kind.from_pretrained(name, *arguments, **options)
        reason = "it has no tokens, as without network"
    except (OSError, TypeError) as error:  # files that are not here and cannot be fetched
        if isinstance(error, TypeError) and "NoneType" not in str(error):
            raise
        found, reason = None, str(error).strip().partition("\n")[0]
    if found is not None and found.vocab_size > 0:
        return found
    warnings.warn(f"tokenizer_bytes: {name} could not be loaded, bytes are used instead: {reason}", stacklevel=2)
    return ByteTokenizer()


def _refusing(name):
    def refuse(self, *arguments, **options):
        raise NotImplementedError(f"tokenizer_bytes: {name} is not there for bytes; load a tokenizer that has it")

    refuse.__name__ = name
    return refuse


class Encoding(dict):
    """What a call of the tokenizer gives: lists or tensors by name, read as items or attributes."""

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(name)

    def to(self, device):
        return Encoding({name: value.to(device) for name, value in self.items()})


class ByteTokenizer:
    """One token a byte, and 256 that ends a text, pads and stands for what is unknown."""

    vocab_size = 257
    model_max_length = int(1e30)  # as transformers says of no limit
    padding_side = "right"
    is_fast = False

    def __init__(self):
        self.eos_token = self.bos_token = self.unk_token = "<|endoftext|>"  # noqa: S105 (no password)
        self.pad_token = None

    eos_token_id = bos_token_id = unk_token_id = EOS

    @property
    def pad_token_id(self):
        return None if self.pad_token is None else self.convert_tokens_to_ids(self.pad_token)

    def __len__(self):
        return self.vocab_size

    def encode(self, text, add_special_tokens=True, max_length=None, truncation=False, return_tensors=None):
        """Return the bytes of a text, of which the ending token stands for itself; GPT-2's adds no other either."""
        ids = []
        for at, part in enumerate(text.split(self.eos_token)):
            ids += [EOS] * (at > 0) + list(part.encode("utf-8", "surrogateescape"))
        ids = ids[:max_length] if truncation and max_length is not None else ids
        return ids if return_tensors is None else _tensors([ids], return_tensors)

    def decode(self, token_ids, skip_special_tokens=False, clean_up_tokenization_spaces=None):
        """Return the text of some tokens, a list or a tensor; bytes that are no UTF-8 become U+FFFD."""
        ids = token_ids.tolist() if hasattr(token_ids, "tolist") else token_ids
        ids = [ids] if isinstance(ids, int) else ids
        beyond = [one for one in ids if not 0 <= one <= EOS]
        if beyond:
            raise ValueError(f"tokenizer_bytes: {beyond[0]} is no token; there are {self.vocab_size}")
        end = b"" if skip_special_tokens else self.eos_token.encode()
        return b"".join(end if one == EOS else bytes([one]) for one in ids).decode("utf-8", "replace")

    def batch_decode(self, sequences, **options):
        return [self.decode(one, **options) for one in sequences]

    def tokenize(self, text):
        return [self.eos_token if one == EOS else chr(one) for one in self.encode(text)]

    def convert_tokens_to_ids(self, tokens):
        if not isinstance(tokens, str):
            return [self.convert_tokens_to_ids(one) for one in tokens]
        return ord(tokens) if len(tokens) == 1 and ord(tokens) < EOS else EOS

    def __call__(
        self,
        text,
        add_special_tokens=True,
        padding=False,
        truncation=False,
        max_length=None,
        return_tensors=None,
        return_attention_mask=True,
    ):
        """Encode a text or several; `padding` is False, True or "longest", or "max_length"."""
        texts = [text] if isinstance(text, str) else list(text)
        rows = [self.encode(one, max_length=max_length, truncation=truncation) for one in texts]
        masks = [[1] * len(row) for row in rows]
        if padding:
            if self.pad_token is None:
                raise ValueError(
                    "tokenizer_bytes: there is no pad_token; set tokenizer.pad_token = tokenizer.eos_token"
                )
            width = max_length if padding == "max_length" else max(map(len, rows), default=0)
            masks = [mask + [0] * (width - len(mask)) for mask in masks]
            rows = [row + [self.pad_token_id] * (width - len(row)) for row in rows]
        found = Encoding(input_ids=rows)
        if return_attention_mask:
            found["attention_mask"] = masks
        if return_tensors is not None:
            return Encoding({name: _tensors(value, return_tensors) for name, value in found.items()})
        return Encoding({name: value[0] for name, value in found.items()}) if isinstance(text, str) else found

    add_tokens, add_special_tokens = _refusing("add_tokens"), _refusing("add_special_tokens")
    apply_chat_template, save_pretrained = _refusing("apply_chat_template"), _refusing("save_pretrained")
    get_vocab = _refusing("get_vocab")


def _tensors(rows, kind):
    if kind != "pt":
        raise NotImplementedError(f"tokenizer_bytes: return_tensors={kind!r} is not there; write 'pt'")
    import torch

    return torch.tensor(rows, dtype=torch.long)
