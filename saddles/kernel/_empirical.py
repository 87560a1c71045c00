"""The neural tangent kernel of a torch module, by automatic differentiation in float64.

Jacot, Gabriel and Hongler (2018, arXiv:1806.07572): Θ(x, x') = Σ_k <∇_θ f_k(x), ∇_θ f_k(x')>.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from saddles._tools import torch_modules
from saddles.kernel._evolution import Evolution
from saddles.typing import Array

__all__ = ["empirical", "evolution", "jacobian"]

#: What a sample's output may differ by when it is computed alone instead of within the batch.
ALONE = 1e-9


def jacobian(module: Any, inputs: Any, *, parameters: Mapping[str, Any] | None = None) -> Array:
    """Differentiate a module's outputs with respect to its trainable parameters, per sample.

    Parameters
    ----------
    module : torch.nn.Module
        Its outputs for n samples have n rows, and a row depends on its own sample alone: put
        batch normalisation and dropout in evaluation mode.
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
    parts = _parts(module, torch_modules.inputs_of(inputs), parameters)
    return np.concatenate(parts, axis=2)


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
    left = _parts(module, torch_modules.inputs_of(inputs), parameters)
    right = (
        left
        if others is None
        else _parts(module, torch_modules.inputs_of(others, "others"), parameters)
    )
    # One parameter tensor after the other, so that the whole Jacobian is never copied.
    return np.asarray(
        sum(
            a.reshape(len(a), -1) @ b.reshape(len(b), -1).T
            for a, b in zip(left, right, strict=True)
        )
    )


def evolution(module: Any, inputs: Any, trajectory: Iterable[Mapping[str, Any]]) -> Evolution:
    """Neural tangent kernels along a training run.

    Parameters
    ----------
    module : torch.nn.Module
        As for `jacobian`.
    inputs : tensor or array_like of shape (n, ...)
        Samples.
    trajectory : iterable of mappings
        State dicts of the module, in order.

    Returns
    -------
    Evolution
        The kernels (q, n, n), one for each checkpoint.

    Raises
    ------
    ImportError
        Without torch.
    TypeError, ValueError
        As for `jacobian`, or if there is no checkpoint.

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
    kernels = [empirical(module, samples, parameters=checkpoint) for checkpoint in trajectory]
    if not kernels:
        raise ValueError("trajectory is empty; pass the state dicts of a training run.")
    return Evolution(np.array(kernels))


def _parts(module: Any, samples: Any, parameters: Mapping[str, Any] | None) -> list[Array]:
    """Return the Jacobian as a list over parameter tensors, each (n, c, size)."""
    torch = torch_modules.torch()
    values, function = torch_modules.merged(module, parameters)
    tensors = torch_modules.tensors(values)

    def alone(weights: Mapping[str, Any], sample: Any) -> Any:
        return function(weights, sample[None])[0].reshape(-1)

    _require_independent(function, tensors, samples)
    rows = torch.func.vmap(torch.func.jacrev(alone), (None, 0))(tensors, samples)
    return [rows[name].flatten(2).numpy() for name in tensors]


def _weighed(function: Any, tensors: Mapping[str, Any], sample: Any) -> float:
    """Return Σ |∂f/∂θ| |θ|: what outputs round by, even where they cancel to nothing."""
    rows = torch_modules.torch().func.jacrev(function)(tensors, sample)
    return sum(float((rows[name] * tensors[name]).abs().sum()) for name in tensors)


def _require_independent(function: Any, tensors: Mapping[str, Any], samples: Any) -> None:
    """Raise unless the first sample's output is the same alone as in the batch."""
    with torch_modules.torch().no_grad():
        together = torch_modules.array(function(tensors, samples), "module(inputs)")
        if together.ndim == 0 or len(together) != len(samples):
            raise ValueError(
                f"module(inputs) has shape {together.shape} for {len(samples)} samples; its first "
                "axis must run over the samples."
            )
        try:
            alone = torch_modules.array(function(tensors, samples[:1]), "module(inputs[:1])")
        except ValueError:
            alone = np.full(together[:1].shape, np.inf)  # as batch normalisation does in training
    apart, size = np.abs(alone - together[:1]).max(), np.abs(together).max()
    if np.isfinite(apart) and apart > ALONE * size:
        size = _weighed(function, tensors, samples[:1])
    if not apart <= ALONE * size:
        raise ValueError(
            "the output of a sample depends on the others in its batch, or on chance; put the "
            "module in evaluation mode (module.eval())."
        )
