"""Quadratic networks on modular addition, pair by pair: the definitions, and gradient descent.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 6. Inputs are the
templates R_a x and R_b x, (R_a x)[c] = x[c − a], for all p² pairs (a, b); the target is R_{a+b} x.
A neuron is θ = (u, v, w) and computes (u·R_a x + v·R_b x)² w. The loss is ½ E|y − f|², E the mean
over pairs and |·|² the sum over the p outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["gradient", "gradient_descent", "loss", "network", "targets", "utility"]

Array = NDArray[np.float64]


def targets(template: Array) -> Array:
    """Return y[a, b, c] = x[c − a − b]."""
    p = len(template)
    y = np.zeros((p, p, p))
    for a in range(p):
        for b in range(p):
            for c in range(p):
                y[a, b, c] = template[(c - a - b) % p]
    return y


def network(template: Array, neurons: Array) -> Array:
    """Return f[a, b, c] of the `neurons` (H, 3p)."""
    p = len(template)
    f = np.zeros((p, p, p))
    for theta in neurons:
        u, v, w = theta[:p], theta[p : 2 * p], theta[2 * p :]
        for a in range(p):
            for b in range(p):
                f[a, b] += (u @ np.roll(template, a) + v @ np.roll(template, b)) ** 2 * w
    return f


def loss(template: Array, neurons: Array) -> float:
    """Return ½ E|y − f|²."""
    residual = targets(template) - network(template, neurons)
    return float(np.sum(residual**2)) / (2 * len(template) ** 2)


def utility(template: Array, theta: Array, active: Array) -> float:
    """Return E<f(θ), y − f(active)>."""
    residual = targets(template) - network(template, active)
    return float(np.sum(network(template, theta[None]) * residual)) / len(template) ** 2


def gradient(template: Array, neurons: Array) -> Array:
    """Return ∂L/∂θ (H, 3p), by the chain rule on every pair."""
    p = len(template)
    residual = targets(template) - network(template, neurons)
    slope = np.zeros_like(neurons)
    for i, theta in enumerate(neurons):
        u, v, w = theta[:p], theta[p : 2 * p], theta[2 * p :]
        for a in range(p):
            for b in range(p):
                first, second = np.roll(template, a), np.roll(template, b)
                z = u @ first + v @ second
                pull = 2 * z * (w @ residual[a, b])
                slope[i] -= np.concatenate([pull * first, pull * second, z**2 * residual[a, b]])
    return slope / p**2


def gradient_descent(template: Array, neurons: Array, step: float, steps: int) -> dict[str, Any]:
    """Run θ ← θ − step ∂L/∂θ; step k stands for the flow's time k · step.

    The gradient is that of `gradient`, written with arrays over all pairs.
    """
    p = len(template)
    shifted = np.array([np.roll(template, a) for a in range(p)])
    y, theta, losses = targets(template), neurons.copy(), np.zeros(steps + 1)
    for k in range(steps + 1):
        u, v, w = theta[:, :p], theta[:, p : 2 * p], theta[:, 2 * p :]
        z = (u @ shifted.T)[:, :, None] + (v @ shifted.T)[:, None, :]
        residual = y - np.einsum("iab,ic->abc", z**2, w)
        losses[k] = np.sum(residual**2) / (2 * p**2)
        pull = 2 * z * np.einsum("ic,abc->iab", w, residual)
        slope = [pull.sum(2) @ shifted, pull.sum(1) @ shifted]
        slope.append(np.einsum("iab,abc->ic", z**2, residual))
        if k < steps:
            theta = theta + step * np.hstack(slope) / p**2
    return {"neurons": theta, "losses": losses}
