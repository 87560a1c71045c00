"""The neural tangent kernel of a torch module, by automatic differentiation in float64.

Jacot, Gabriel and Hongler (2018, arXiv:1806.07572): Θ(x, x') = Σ_k <∇_θ f_k(x), ∇_θ f_k(x')>.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from saddles._tools import torch_modules
from saddles.kernel._evolution import Evolution
from saddles.kernel._factors import factored, products, slices
from saddles.kernel._per_sample import Outputs
from saddles.typing import Array

__all__ = ["empirical", "evolution", "jacobian"]

#: Bytes of a part of the Jacobian that is held while the others pass by, and of one that passes by;
#: differentiation needs two or three times the latter.
HELD, PASSING = 2**29, 2**27


def jacobian(module: Any, inputs: Any, *, parameters: Mapping[str, Any] | None = None) -> Array:
    """Differentiate a module's outputs with respect to its trainable parameters, per sample.

    Parameters
    ----------
    module : torch.nn.Module
        Its outputs for n samples have n rows, and a row depends on its own sample alone: put
        batch normalisation and dropout in evaluation mode. Modules that ``torch.func.vmap`` cannot
        follow (recurrent layers, writes in place) are differentiated sample by sample.
    inputs : tensor or array_like of shape (n, ...)
        Samples; floats are taken as float64.
    parameters : mapping, optional
        A state dict to use instead of the module's own.

    Returns
    -------
    ndarray of shape (n, c, p)
        c outputs and p parameters, in the order of ``module.named_parameters()``.

    Raises
    ------
    ImportError
        Without torch.
    TypeError, ValueError
        If the state dict is not of this module, or samples influence one another.

    Examples
    --------
    >>> import torch
    >>> from saddles import kernel
    >>> module = torch.nn.Linear(2, 1)
    >>> kernel.jacobian(module, [[3.0, 4.0]])
    array([[[3., 4., 1.]]])
    """
    net = Outputs(module, inputs, parameters)
    whole = np.empty((len(net.samples), net.count, net.size))
    for samples in slices(0, len(whole), PASSING // (8 * net.count * net.size)):
        np.concatenate(net.rows(samples, slice(None)), axis=2, out=whole[samples])
    return whole


def empirical(
    module: Any,
    inputs: Any,
    *,
    others: Any = None,
    parameters: Mapping[str, Any] | None = None,
) -> Array:
    """Neural tangent kernel of a module on samples, traced over its outputs.

    Parameters
    ----------
    module : torch.nn.Module
        As for `jacobian`.
    inputs : tensor or array_like of shape (n, ...)
        Samples of the rows of the kernel.
    others : tensor or array_like of shape (m, ...), optional
        Samples of the columns of the kernel; `inputs` by default.
    parameters : mapping, optional
        As for `jacobian`.

    Returns
    -------
    ndarray of shape (n, m)
        Without any factor 1/n. For the kernel between single outputs, multiply Jacobians.

    Raises
    ------
    ImportError
        Without torch.
    TypeError, ValueError
        As for `jacobian`.

    Examples
    --------
    >>> import torch
    >>> from saddles import kernel
    >>> module = torch.nn.Linear(2, 1)
    >>> kernel.empirical(module, [[3.0, 4.0], [1.0, 0.0]])
    array([[26.,  4.],
           [ 4.,  2.]])
    """
    left = Outputs(module, inputs, parameters)
    right = left
    if others is not None:
        right = Outputs(module, others, parameters, "others")
        if right.count != left.count:
            raise ValueError(
                f"module(inputs) has {left.count} outputs per sample and module(others) has "
                f"{right.count}; pass samples of one shape."
            )
    return _traced(left, right)


def evolution(module: Any, inputs: Any, trajectory: Iterable[Mapping[str, Any]]) -> Evolution:
    """Neural tangent kernels along a training run.

    Parameters
    ----------
    module : torch.nn.Module
        As for `jacobian`.
    inputs : tensor or array_like of shape (n, ...)
        Samples.
    trajectory : iterable of mappings
        State dicts of the module, in order: copies, as by ``copy.deepcopy(module.state_dict())``.

    Returns
    -------
    Evolution
        The kernels (q, n, n), one for each checkpoint.

    Raises
    ------
    ImportError
        Without torch.
    TypeError, ValueError
        As for `jacobian`, if there is no checkpoint, or if two of a sequence share their memory.

    Examples
    --------
    >>> import copy, torch
    >>> from saddles import kernel
    >>> module = torch.nn.Linear(2, 1)
    >>> trajectory = [copy.deepcopy(module.state_dict())]
    >>> torch.nn.init.ones_(module.weight) is module.weight
    True
    >>> kernel.evolution(module, [[3.0, 4.0]], [*trajectory, module.state_dict()]).from_start
    array([0., 0.])
    """
    samples = torch_modules.inputs_of(inputs)
    states = torch_modules.checkpoints(trajectory, torch_modules.parameters_of(module))
    kernels = [empirical(module, samples, parameters=checkpoint) for checkpoint in states]
    if not kernels:
        raise ValueError("trajectory is empty; pass the state dicts of a training run.")
    return Evolution(np.array(kernels))


def _traced(left: Outputs, right: Outputs) -> Array:
    """Return the kernel (n, m): some outputs at a time, and of these some samples at a time.

    What does not fit is differentiated again for every part that is held, unless its rows have
    factors that fit.
    """
    kernel = np.zeros((len(left.samples), len(right.samples)))
    if 8 * left.count * left.size * max(kernel.shape) > HELD:
        first = factored(left, HELD, PASSING)
        second = first if left is right or first is None else factored(right, HELD, PASSING)
        if first is not None and second is not None:
            return products(first, second)
    at_once = HELD // (8 * max(kernel.shape) * left.size)
    for outputs in slices(0, left.count, at_once):
        row = 8 * (outputs.stop - outputs.start) * left.size
        for own in slices(0, len(kernel), HELD // row):
            held = _held(left, own, outputs, PASSING // row)
            if left is right:  # the kernel is symmetric: its upper half will do
                kernel[own, own] += _products(held, held)
            for other in slices(own.stop if left is right else 0, kernel.shape[1], PASSING // row):
                kernel[own, other] += _products(held, right.rows(other, outputs))
    return np.triu(kernel) + np.triu(kernel, 1).T if left is right else kernel


def _held(net: Outputs, samples: slice, outputs: slice, step: int) -> list[Array]:
    """Return rows of the Jacobian as they are when they are computed some at a time."""
    count, chosen = samples.stop - samples.start, outputs.stop - outputs.start
    whole = [np.empty((count, chosen, t.numel())) for t in net.tensors.values()]
    for part in slices(samples.start, samples.stop, step):
        place = slice(part.start - samples.start, part.stop - samples.start)
        for array, rows in zip(whole, net.rows(part, outputs), strict=True):
            array[place] = rows
    return whole


def _products(left: list[Array], right: list[Array]) -> Array:
    """Return the sums of products of rows: one tensor after the other, so that none is copied."""
    pairs = zip(left, right, strict=True)
    return np.asarray(sum(a.reshape(len(a), -1) @ b.reshape(len(b), -1).T for a, b in pairs))
