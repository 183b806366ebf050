"""Small stand-ins for torch, the optimizers and flash-attn, which record what a program does with them.

They are as strict as the real packages where the job depends on it: `.cuda()` raises without CUDA, and `.view` of an
attention's output raises until it was made contiguous.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["NAMES", "Tensor", "describe", "packages"]

Record = Callable[..., None]

# Every top-level package that a check may import; a run takes them out of sys.modules again.
NAMES = ("torch", "adam_atan2", "adam_atan2_pytorch", "flash_attn", "flash_attn_interface", "apex", "wandb", "hydra")


class Anything:
    """Whatever is asked of it, it gives itself; iterating gives nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    def __call__(self, *args: Any, **kwargs: Any) -> Anything:
        return Anything()

    def __iter__(self) -> Any:
        return iter(())


class Loose(types.ModuleType):
    """A module that has every name; those that matter are set."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()


class Device(str):
    """A device, written as its name."""

    __slots__ = ()

    @property
    def type(self) -> str:
        """`cuda` of `cuda:1`."""
        return self.partition(":")[0]

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *error: object) -> None:
        return None


class Tensor:
    """A tensor or a module: a label, a device, and whether its numbers lie in order."""

    record: Record
    cuda_there: bool

    def __init__(self, label: object = "x", device: str = "cpu", in_order: bool = True) -> None:
        self.label, self.in_order = label, in_order
        self.device = place(self, device)
        self.shape = (2, 3, 4, 5)

    def _like(self, label: str = "", in_order: bool | None = None) -> Tensor:
        return type(self)._made(label or self.label, self.device, self.in_order if in_order is None else in_order)

    @classmethod
    def _made(cls, label: object, device: str, in_order: bool) -> Tensor:
        made = Tensor.__new__(Tensor)
        made.__dict__.update(label=label, device=device, in_order=in_order, shape=(2, 3, 4, 5))
        return made

    def cuda(self, device: object = None, non_blocking: bool = False) -> Tensor:
        return self.to("cuda", non_blocking=non_blocking)

    def to(self, device: object = None, dtype: object = None, non_blocking: bool = False) -> Tensor:
        moved = self if isinstance(self, Module) else self._like()
        if isinstance(device, str):
            moved.device = place(self, device)
            Tensor.record("to", self.label, str(device), non_blocking)
        return moved

    def cpu(self) -> Tensor:
        return self.to("cpu")

    def contiguous(self) -> Tensor:
        Tensor.record("contiguous", self.label)
        return self._like(in_order=True)

    def view(self, *shape: object, **more: object) -> Tensor:
        if not self.in_order:
            raise RuntimeError("view size is not compatible with input tensor's size and stride")
        return self._like(f"view({self.label})")

    def transpose(self, first: int, second: int) -> Tensor:
        return self._like(f"transpose({self.label})", in_order=False)

    def reshape(self, *shape: object) -> Tensor:
        return self._like(f"reshape({self.label})", in_order=True)

    def eval(self) -> Tensor:
        return self

    def train(self) -> Tensor:
        return self

    def size(self, axis: int = 0) -> int:
        return self.shape[axis]

    def matmul(self, other: Tensor) -> Tensor:
        return self._like(f"{self.label} @ {other.label} on {other.device}")

    def sum(self) -> Tensor:
        return self._like(f"sum({self.label})")

    def __add__(self, other: Tensor) -> Tensor:
        return self._like(f"{self.label} + {other.label}")

    def __neg__(self) -> Tensor:
        return self._like(f"-{self.label}")

    def __getitem__(self, index: object) -> Tensor:
        return self._like(f"{self.label}[{index}]")

    def __format__(self, spec: str) -> str:
        return f"<{self.label} on {self.device}>"


class Module(Tensor):
    """The base of models: calling it calls `forward`."""

    def __init__(self, *args: object) -> None:
        super().__init__(type(self).__name__)

    def __call__(self, *args: Any) -> Any:
        return self.forward(*args)

    def forward(self, *args: Any) -> Any:
        return Tensor._made(f"{type(self).__name__} of {args[0].label}", args[0].device, True)


def place(tensor: Tensor, device: object) -> Device:
    """Return the device, or fail as torch does on a machine without it."""
    if str(device).startswith("cuda") and not Tensor.cuda_there:
        raise AssertionError("Torch not compiled with CUDA enabled")
    return Device(device)


def describe(value: object) -> object:
    """Return a value in a form that two runs can be compared by."""
    if isinstance(value, Tensor):
        return f"<{value.label} on {value.device}, {'' if value.in_order else 'not '}in order>"
    if isinstance(value, type):
        return f"class {value.__module__}.{value.__name__}"
    if isinstance(value, types.FunctionType):
        return f"function {value.__name__}"
    if isinstance(value, Mapping):
        return {str(key): describe(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [describe(one) for one in value]
    if value is None or isinstance(value, str | int | float | bytes):
        return value
    if type(value).__module__ == "typing":
        return repr(value)
    return f"a {describe(type(value))}"


def packages(record: Record, *, cuda: bool) -> dict[str, types.ModuleType]:
    """Return every stand-in by its name in sys.modules."""
    Tensor.record, Tensor.cuda_there = staticmethod(record), cuda
    found = _torch(record, cuda)
    found["adam_atan2"] = _module("adam_atan2", AdamATan2=_optimizer("adam_atan2.AdamATan2", record))
    found["adam_atan2"].warmup = _function("adam_atan2.warmup", record)
    found["adam_atan2"].VERSION = "0.0.3"
    found["adam_atan2_pytorch"] = _module(
        "adam_atan2_pytorch", AdamAtan2=_optimizer("adam_atan2_pytorch.AdamAtan2", record), VERSION="0.1.18"
    )
    found |= _flash(record)
    found["apex"] = _module("apex", amp=_module("apex.amp"), parallel=_module("apex.parallel"))
    found["apex"].amp.initialize = _function("apex.amp.initialize", record)
    found["apex.amp"], found["apex.parallel"] = found["apex"].amp, found["apex"].parallel
    found["wandb"], found["hydra"] = Loose("wandb"), Loose("hydra")
    return found


def _module(name: str, **names: object) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__path__ = []
    module.__dict__.update(names)
    return module


def _optimizer(name: str, record: Record) -> type:
    def init(self: Any, params: object, lr: object = 1e-3, betas: object = None, **more: object) -> None:
        record(name, type(self).__name__ if type(self).__module__ != module else "", params, lr, betas, more)
        self.lr, self.param_groups = lr, [params]

    module, _, leaf = name.rpartition(".")
    return type(leaf, (), {"__init__": init, "__module__": module, "step": lambda self: record("step", name)})


def _function(name: str, record: Record) -> Callable[..., object]:
    def called(*args: object, **kwargs: object) -> None:
        record(name, args, kwargs)

    called.__name__ = name.rpartition(".")[2]
    return called


def _attention(name: str, record: Record) -> Callable[..., Tensor]:
    def attention(q: Any, k: Any, v: Any, *args: object, **kwargs: object) -> Tensor:
        record(name, q, k, v, args, kwargs)
        return Tensor._made("attention", q.device, False)

    attention.__name__ = name.rpartition(".")[2]
    return attention


def _flash(record: Record) -> dict[str, types.ModuleType]:
    names = ("flash_attn_func", "flash_attn_qkvpacked_func", "flash_attn_kvpacked_func")
    functions = {name: _attention(f"flash_attn.{name}", record) for name in names}
    padding = _module("flash_attn.bert_padding", pad_input=_function("pad_input", record))
    return {
        "flash_attn": _module("flash_attn", bert_padding=padding, __version__="2.8.0", **functions),
        "flash_attn.bert_padding": padding,
        "flash_attn_interface": _module(
            "flash_attn_interface", flash_attn_func=_attention("flash_attn_interface.flash_attn_func", record)
        ),
    }


def _torch(record: Record, cuda: bool) -> dict[str, types.ModuleType]:
    def needs_cuda(name: str) -> Callable[..., None]:
        def called(*args: object) -> None:
            if not cuda:
                raise RuntimeError("no CUDA GPUs are available")
            record(name, *args)

        return called

    def made(name: str) -> Callable[..., Tensor]:
        return lambda *shape, device="cpu", **more: Tensor(f"{name}{shape}", device)

    def load(path: object, map_location: Any = None) -> object:
        record("torch.load", path, place(Tensor("load"), map_location))
        return {}

    functional = Loose("torch.nn.functional")
    functional.scaled_dot_product_attention = _attention("sdpa", record)
    optim = _module("torch.optim")
    for name in ("AdamW", "Adam", "SGD"):
        setattr(optim, name, _optimizer(f"torch.optim.{name}", record))
    modules = {name: Loose(f"torch.{name}") for name in ("nn", "cuda", "utils", "utils.data", "amp", "distributed")}
    modules["nn"].__dict__.update(Module=Module, Linear=Module, functional=functional)
    modules["cuda"].__dict__.update(
        is_available=lambda: cuda,
        set_device=needs_cuda("set_device"),
        manual_seed=needs_cuda("cuda.manual_seed"),
        device_count=lambda: int(cuda),
    )
    torch = Loose("torch")
    modules["utils"].data = modules["utils.data"]
    torch.__dict__.update(modules, optim=optim, Tensor=Tensor, device=Device, load=load, manual_seed=lambda seed: None)
    torch.__dict__.update({name: made(name) for name in ("randn", "zeros", "ones", "empty", "arange")})
    below = {"optim": optim, "nn.functional": functional, **modules}
    found: Iterable[tuple[str, types.ModuleType]] = ((f"torch.{name}", module) for name, module in below.items())
    return {"torch": torch, **dict(found)}
