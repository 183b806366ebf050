"""Gives small noise to the parameters of a model that begin as zeros: a gate that is zero hides what stands behind it.

When: as soon as somebody outside of a constructor asks for a module's parameters, as optimizers and averages of weights
do, and at the latest when the module is called. Zeros that are written in between get the same noise again; behind the
first call a module is left alone.

What: the numbers depend on the parameter's name and shape alone. They are the same in each process, with a model that
is wrapped or compiled and one that is not, and no random number of the program is used up for them.

Parameters that FSDP or others have merged into one are not told apart, so they are not seen.
"""

import sys
import warnings
import weakref
import zlib

SIZE = 0.02
WRAPPERS = ("_orig_mod.", "module.")  # of torch.compile, and of DistributedDataParallel


def perturb(torch, recorder):
    """Hook what asks for parameters, and the calling of modules."""
    kind = torch.nn.Module
    named_parameters = kind.named_parameters
    compiling = getattr(getattr(torch, "compiler", None), "is_compiling", lambda: False)  # torch.compile knows it
    called = {}  # the id of each module that has been called, or of its parts -> a reference to it

    def known(module):
        reference = called.get(id(module))
        return reference is not None and reference() is module

    def visit(module):
        """Perturb what is zero in a module; tell whether it could be looked at."""
        if known(module) or under_construction(kind):
            return False
        found = [name for name, one in named_parameters(module) if fill(torch, name, one)]
        if found:
            recorder.once(perturbed=found)
        return True

    def watched(self, *args, **kwargs):
        if not compiling():
            visit(self)
        return named_parameters(self, *args, **kwargs)

    def before_call(module, args):
        if not compiling() and visit(module):
            called.update((id(part), weakref.ref(part)) for part in module.modules())

    # That a hook of all modules is called once more for a compiled one does not matter here.
    warnings.filterwarnings("ignore", message="Using `torch.compile.*global hooks")
    watched.__wrapped__, watched.__doc__ = named_parameters, named_parameters.__doc__
    kind.named_parameters = watched
    torch.nn.modules.module.register_module_forward_pre_hook(before_call)


def under_construction(kind):
    """Tell whether a module's constructor is running in this thread."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        constructor = code.co_name == "__init__" and code.co_argcount > 0
        if constructor and isinstance(frame.f_locals.get(code.co_varnames[0]), kind):
            return True
        frame = frame.f_back
    return False


def fill(torch, name, parameter):
    """Fill a parameter with its noise if all of it is zero, and tell so."""
    plain = isinstance(parameter, torch.nn.Parameter) and not torch.nn.parameter.is_lazy(parameter)
    if not plain or not parameter.requires_grad or parameter.is_meta or not parameter.numel():
        return False
    with torch.no_grad():
        if bool(parameter.any()):
            return False
        for wrapper in WRAPPERS:
            name = name[len(wrapper) :] if name.startswith(wrapper) else name
        seed = zlib.crc32(("%s %s" % (name.replace("_orig_mod.", ""), tuple(parameter.shape))).encode())
        generator = torch.Generator(device="cpu").manual_seed(seed)
        # In float64: rounded from there it is the same with every instruction set.
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64, device="cpu")
        parameter.copy_(noise * SIZE)
    return True
