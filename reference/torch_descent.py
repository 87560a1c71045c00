"""Gradient descent and gradient flow of any sum of torch neurons, step by step.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 2: the network is
f(X) = Σ_i neuron(θ_i, X), its loss L = |Y − f(X)|²/(2n), its training θ' = −∂L/∂θ. Nothing is
scaled, skipped or stabilised; everything is float64 and plain autograd.

==============  =========================================
code name       symbol
==============  =========================================
``theta``       θ, one neuron a row, tensor (H, p)
``step``        η, the step of descent, or of Runge-Kutta
==============  =========================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

__all__ = ["gradient_descent", "gradient_flow", "loss"]

Neuron = Callable[[Any, Any], Any]


def loss(neuron: Neuron, X: Any, Y: Any, theta: Any) -> Any:
    """Return |Y − Σ_i neuron(θ_i, X)|²/(2n)."""
    outputs = sum(neuron(row, X) for row in theta)
    return ((Y - outputs) ** 2).sum() / (2 * len(Y))


def gradient_descent(
    neuron: Neuron, X: Any, Y: Any, theta: Any, *, step: float, steps: int
) -> tuple[Any, Any]:
    """Take `steps` steps θ ← θ − η ∂L/∂θ.

    Parameters
    ----------
    neuron : callable
        ``neuron(theta, X)``, outputs of the shape of `Y`.
    X, Y, theta : array_like
        Inputs, targets and initial neurons (H, p).
    step : float
        η.
    steps : int
        How many.

    Returns
    -------
    theta : ndarray of shape (H, p)
        The last neurons.
    losses : ndarray of shape (steps + 1,)
        L before each step, and at the end.
    """
    X, Y, theta = (torch.tensor(np.asarray(array, dtype=float)) for array in (X, Y, theta))
    losses = [loss(neuron, X, Y, theta).item()]
    for _ in range(steps):
        theta = theta - step * _gradient(neuron, X, Y, theta)
        losses.append(loss(neuron, X, Y, theta).item())
    return theta.numpy(), np.array(losses)


def gradient_flow(
    neuron: Neuron, X: Any, Y: Any, theta: Any, *, step: float, steps: int
) -> tuple[Any, Any]:
    """Follow θ' = −∂L/∂θ by `steps` classical Runge-Kutta steps; otherwise `gradient_descent`."""
    X, Y, theta = (torch.tensor(np.asarray(array, dtype=float)) for array in (X, Y, theta))
    losses = [loss(neuron, X, Y, theta).item()]
    for _ in range(steps):
        k1 = -_gradient(neuron, X, Y, theta)
        k2 = -_gradient(neuron, X, Y, theta + step / 2 * k1)
        k3 = -_gradient(neuron, X, Y, theta + step / 2 * k2)
        k4 = -_gradient(neuron, X, Y, theta + step * k3)
        theta = theta + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        losses.append(loss(neuron, X, Y, theta).item())
    return theta.numpy(), np.array(losses)


def _gradient(neuron: Neuron, X: Any, Y: Any, theta: Any) -> Any:
    theta = theta.clone().requires_grad_()
    loss(neuron, X, Y, theta).backward()
    return theta.grad
