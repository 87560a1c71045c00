"""Composition in a finite group, tuple by tuple: the definitions.

The task is that of Marchetti et al., "Sequential Group Composition" (2026, arXiv:2602.03655). A
group of n elements is its multiplication table, entry [g, h] = g·h. Inputs are the templates
L_{g_1} x, …, L_{g_k} x, (L_g x)[h] = x[g⁻¹h], for all n^k tuples; the target is L_{g_1⋯g_k} x. A
neuron is θ = (u_1, …, u_k, w) and computes (Σ_a u_a·L_{g_a} x)^k w. The loss is ½ E|y − f|², E the
mean over tuples and |·|² the sum over the n outputs.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

__all__ = ["gradient", "learnt", "loss", "network", "shift", "targets", "utility"]

Array = NDArray[np.float64]
Table = NDArray[np.intp]


def shift(table: Table, g: int, x: Array) -> Array:
    """Return L_g x: its entry at g·h is x[h]."""
    shifted = np.zeros(len(x))
    for h in range(len(x)):
        shifted[table[g, h]] = x[h]
    return shifted


def targets(table: Table, template: Array, k: int) -> dict[tuple[int, ...], Array]:
    """Return L_{g_1⋯g_k} x of every tuple."""
    found = {}
    for elements in product(range(len(table)), repeat=k):
        g = elements[0]
        for other in elements[1:]:
            g = int(table[g, other])
        found[elements] = shift(table, g, template)
    return found


def network(table: Table, template: Array, neurons: Array, k: int) -> dict[tuple[int, ...], Array]:
    """Return f of every tuple, of the `neurons` (H, (k+1)n)."""
    found = {}
    for elements in product(range(len(table)), repeat=k):
        f = np.zeros(len(table))
        for theta in neurons:
            *inputs, w = np.split(theta, k + 1)
            z = sum(u @ shift(table, g, template) for u, g in zip(inputs, elements, strict=True))
            f += z**k * w
        found[elements] = f
    return found


def loss(table: Table, template: Array, neurons: Array, k: int) -> float:
    """Return ½ E|y − f|²."""
    y, f = targets(table, template, k), network(table, template, neurons, k)
    return sum(float(np.sum((y[e] - f[e]) ** 2)) for e in y) / (2 * len(y))


def utility(table: Table, template: Array, theta: Array, active: Array, k: int) -> float:
    """Return E<f(θ), y − f(active)>."""
    y, f = targets(table, template, k), network(table, template, active, k)
    own = network(table, template, theta[None], k)
    return sum(float(own[e] @ (y[e] - f[e])) for e in y) / len(y)


def gradient(table: Table, template: Array, neurons: Array, k: int) -> Array:
    """Return ∂L/∂θ (H, (k+1)n), by the chain rule on every tuple."""
    y, f = targets(table, template, k), network(table, template, neurons, k)
    slope = np.zeros_like(neurons)
    for elements in y:
        residual = y[elements] - f[elements]
        shifted = [shift(table, g, template) for g in elements]
        for i, theta in enumerate(neurons):
            *inputs, w = np.split(theta, k + 1)
            z = sum(u @ x for u, x in zip(inputs, shifted, strict=True))
            pull = k * z ** (k - 1) * (w @ residual)
            slope[i] -= np.concatenate([*(pull * x for x in shifted), z**k * residual])
    return slope / len(y)


def learnt(table: Table, template: Array, neurons: Array, k: int) -> Array:
    """Return E L_{(g_1⋯g_k)⁻¹} f (n,): what of the network is shifted as the target is."""
    mean = np.zeros(len(table))
    f = network(table, template, neurons, k)
    for elements, outputs in f.items():
        g = elements[0]
        for other in elements[1:]:
            g = int(table[g, other])
        mean += outputs[table[g]]
    return mean / len(f)
