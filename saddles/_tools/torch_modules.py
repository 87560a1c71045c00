"""Torch modules as functions of named float64 parameters (needs torch: ``saddles[torch]``).

Parameters travel as a mapping from name to array, as ``module.state_dict()`` is one; tensors of any
device and precision become float64 arrays, and float64 tensors when the module is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from saddles import checks
from saddles.typing import Array

__all__: list[str] = []

#: What to do about samples that a module does not take.
INPUTS = "pass samples (n, ...) of the shape and dtype that the module takes, all in one tensor"


def torch() -> Any:
    """Return torch, or say how to get it."""
    try:
        import torch as module
    except ImportError as error:
        raise ImportError("modules need torch: pip install 'saddles[torch]'") from error
    return module


def array(value: Any, name: str) -> Array:
    """Return an array or a tensor as a finite float64 array of its own shape."""
    if hasattr(value, "is_complex") and value.is_complex():
        raise TypeError(
            f"{name} is complex; pass a module of real parameters and outputs, such as the "
            "real and the imaginary part side by side."
        )
    return checks.real_array(value, name, None)


def arrays(parameters: Any, names: Iterable[str]) -> dict[str, Array]:
    """Return the named entries of a state dict as float64 arrays."""
    if not isinstance(parameters, Mapping):
        raise TypeError(
            f"parameters={checks.show(parameters)} must map names to arrays or tensors, as "
            "module.state_dict() does."
        )
    found = {}
    for name in names:
        if name not in parameters:
            known = ", ".join(map(repr, parameters)) or "none"
            raise ValueError(f"{name!r} is not among the parameters; there are {known}.")
        found[name] = array(parameters[name], f"parameters[{name!r}]")
    return found


def checkpoints(trajectory: Any, names: Iterable[str]) -> Iterable[Any]:
    """Return an iterable of state dicts, no two of which hold the named weights in one memory.

    An iterator is taken as it comes: its checkpoints are read while the training goes on.
    """
    if isinstance(trajectory, Mapping) or not isinstance(trajectory, Iterable):
        raise TypeError(
            f"trajectory={checks.show(trajectory)} must be a sequence of state dicts, one per "
            "checkpoint."
        )
    if isinstance(trajectory, Iterator):
        return trajectory
    found, names = list(trajectory), list(names)
    places: dict[frozenset[Any], int] = {}
    for index, checkpoint in enumerate(found):
        place = _memory(checkpoint, names)
        if place and (first := places.setdefault(place, index)) != index:
            raise ValueError(
                f"trajectory[{first}] and trajectory[{index}] share their memory, so both hold the "
                "weights of the end: a state_dict() is no copy. Keep "
                "copy.deepcopy(module.state_dict()) instead."
            )
    return found


def _memory(checkpoint: Any, names: list[str]) -> frozenset[Any]:
    """Return where those of the named weights lie that are arrays or tensors."""
    places = set()
    for name in names if isinstance(checkpoint, Mapping) else ():
        value = checkpoint.get(name)
        if hasattr(value, "data_ptr"):
            places.add((name, str(value.device), value.data_ptr()))
        elif isinstance(value, np.ndarray):
            places.add((name, "numpy", value.ctypes.data))
    return frozenset(places)


def parameters_of(module: Any) -> dict[str, Array]:
    """Return the trainable parameters of a module as float64 arrays."""
    if not isinstance(module, torch().nn.Module):
        raise TypeError(f"module={checks.show(module)} must be a torch.nn.Module.")
    named = {name: value for name, value in module.named_parameters() if value.requires_grad}
    if not named:
        raise ValueError(f"module={checks.show(module)} has no parameter that requires a gradient.")
    return arrays(named, named)


def tensors(values: Mapping[str, Array]) -> dict[str, Any]:
    """Return arrays as float64 tensors of their own."""
    return {name: torch().tensor(np.asarray(value)) for name, value in values.items()}


@contextmanager
def called(what: str, remedy: str) -> Iterator[None]:
    """Name the call of a user's module or function in which torch, or Python, raises an error."""
    try:
        yield
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        said = " ".join(str(error).split()).rstrip(".")
        raise ValueError(f"{what} raises {type(error).__name__}: {said}; {remedy}.") from error


def inputs_of(inputs: Any, name: str = "inputs") -> Any:
    """Return samples (n, ...) as a tensor: float64 if they are floats, as they are if integers."""
    if isinstance(inputs, torch().Tensor) and not inputs.is_floating_point():
        tensor = inputs.detach().cpu()  # indices, masks, complex numbers: for the module to judge
    else:
        samples = checks.numbers(inputs, name)
        whole = samples.dtype.kind in "iu"
        tensor = torch().tensor(samples.astype(np.int64 if whole else np.float64))
    if tensor.ndim == 0 or tensor.numel() == 0:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}; pass samples (n, ...).")
    if not bool(tensor.isfinite().all()):
        where = tuple(tensor.isfinite().logical_not().nonzero()[0].tolist())
        raise ValueError(
            f"{name}[{', '.join(map(str, where))}]={tensor[where].item()!r} is not finite; remove "
            "or impute such entries first."
        )
    return tensor


def function(
    module: Any, fixed: Mapping[str, Any] | None = None, name: str = "inputs"
) -> Callable[..., Any]:
    """Return ``f(parameters, inputs)`` for float64 tensors; the module itself is not changed.

    Whatever is not among the parameters (buffers, frozen weights) is taken from `fixed`, or from
    the module, in float64. Errors call the inputs by `name`.
    """
    from torch.func import functional_call

    named = {**dict(module.named_parameters()), **dict(module.named_buffers()), **(fixed or {})}
    rest = {name: _double(value) for name, value in named.items()}
    buffers = {name for name, _ in module.named_buffers()}

    def call(parameters: Mapping[str, Any], inputs: Any) -> Any:
        # A call may change its inputs and the buffers in place.
        values = {
            name: value.clone() if name in buffers else value
            for name, value in rest.items()
            if name not in parameters
        }
        kind = str(inputs.dtype).removeprefix("torch.")
        what = f"module({name}), with {name} of shape {tuple(inputs.shape)} and dtype {kind},"
        with _in_double(), called(what, INPUTS):
            outputs = functional_call(module, {**values, **parameters}, (inputs.clone(),))
        if not isinstance(outputs, torch().Tensor):
            raise TypeError(
                f"module({name})={checks.show(outputs)} must be a tensor; wrap the module in one "
                "that returns a tensor."
            )
        return outputs

    return call


@contextmanager
def _in_double() -> Iterator[None]:
    """Make float64 the type of the tensors that a module creates while it is called."""
    before = torch().get_default_dtype()
    torch().set_default_dtype(torch().float64)
    try:
        yield
    finally:
        torch().set_default_dtype(before)


def merged(
    module: Any, parameters: Any, name: str = "inputs"
) -> tuple[dict[str, Array], Callable[..., Any]]:
    """Return the trainable parameters, from a state dict if one is given, and the function."""
    own = parameters_of(module)
    if parameters is None:
        return own, function(module, None, name)
    values = arrays(parameters, own)
    known = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for key in [key for key in parameters if key in known]:
        shape = np.shape(parameters[key])
        if shape != tuple(known[key].shape):
            raise ValueError(
                f"parameters[{key!r}] has shape {tuple(shape)} and the module's has "
                f"{tuple(known[key].shape)}; pass a state dict of this module."
            )
    _require_tied(module, parameters)
    others = {
        key: torch().as_tensor(value)
        for key, value in parameters.items()
        if key in known and key not in own
    }
    return values, function(module, others, name)


def _require_tied(module: Any, parameters: Mapping[str, Any]) -> None:
    """Raise if a state dict gives two values to one tensor that has two names."""
    firsts = {id(tensor): name for name, tensor in module.named_parameters()}
    for name, tensor in module.named_parameters(remove_duplicate=False):
        first = firsts[id(tensor)]
        if name == first or not {name, first} <= parameters.keys():
            continue
        one, two = (array(parameters[key], f"parameters[{key!r}]") for key in (first, name))
        if not np.array_equal(one, two):
            raise ValueError(
                f"parameters[{first!r}] and parameters[{name!r}] differ, but are one tensor in the "
                "module; pass a state dict of this module."
            )


def _double(value: Any) -> Any:
    """Return a copy on the processor, floats as float64."""
    value = value.detach().cpu().clone()
    return value.double() if value.is_floating_point() else value
