"""Tiny networks of homogeneous neurons of all kinds, one for each seed: integers, ties, copies.

Every kind is written twice: as a torch function, which the package takes, and in numpy with its
derivative, which the oracle of `reference.neuron_flow` integrates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import saddles
from reference.neuron_flow import Neurons
from saddles import SaddlePath

Array = np.ndarray


@dataclass(frozen=True)
class Kind:
    """A neuron: its degree, and its size for inputs of d entries and q targets."""

    degree: int
    size: Callable[[int, int], int]
    neuron: Callable[[Any, Any], Any]
    output: Callable[[Array, Array], Array]
    """θ (H, p), X (n, d) -> (H, n) or (H, n, q)."""
    derivative: Callable[[Array, Array], Array]
    """θ (H, p), X (n, d) -> (H, n, p) or (H, n, q, p)."""
    targets: int = 1


def _power(k: int, bend: Callable[[Any], Any]) -> Kind:
    """a φ(w·x)^k, θ = (a, w)."""

    def derivative(theta: Array, X: Array) -> Array:
        along = theta[:, 1:] @ X.T
        slope = bend(along + 0.0) ** (k - 1) * (k * theta[:, :1])
        if bend is not _same:
            slope = slope * (along > 0)
        return np.concatenate([bend(along)[..., None] ** k, slope[..., None] * X], axis=2)

    def neuron(theta: Any, X: Any) -> Any:
        along = X @ theta[1:]
        return theta[0] * (along if bend is _same else along.clamp(min=0)) ** k

    return Kind(
        degree=k + 1,
        size=lambda d, q: 1 + d,
        neuron=neuron,
        output=lambda theta, X: theta[:, :1] * bend(theta[:, 1:] @ X.T) ** k,
        derivative=derivative,
    )


def _same(z: Array) -> Array:
    return z


def _positive(z: Array) -> Array:
    return np.maximum(z, 0.0)


def _alone(k: int) -> Kind:
    """(w·x)^k, θ = w."""
    return Kind(
        degree=k,
        size=lambda d, q: d,
        neuron=lambda theta, X: (X @ theta) ** k,
        output=lambda theta, X: (theta @ X.T) ** k,
        derivative=lambda theta, X: k * (theta @ X.T)[..., None] ** (k - 1) * X,
    )


def _linear_derivative(theta: Array, X: Array) -> Array:
    a, along = theta[:, :2], theta[:, 2:] @ X.T
    by_a = np.einsum("hn,ce->hnce", along, np.eye(2))
    by_w = np.einsum("hc,nd->hncd", a, X)
    return np.concatenate([by_a, by_w], axis=3)


def _product_derivative(theta: Array, X: Array) -> Array:
    d = X.shape[1]
    a, u, v = theta[:, :1], theta[:, 1 : 1 + d] @ X.T, theta[:, 1 + d :] @ X.T
    parts = (u * v)[..., None], (a * v)[..., None] * X, (a * u)[..., None] * X
    return np.concatenate(parts, axis=2)


def _diagonal_derivative(theta: Array, X: Array) -> Array:
    d = X.shape[1]
    return np.concatenate([theta[:, None, d:] * X, theta[:, None, :d] * X], axis=2)


KINDS = {
    "a (w·x)²": _power(2, _same),
    "a (w·x)³": _power(3, _same),
    "a relu(w·x)": _power(1, _positive),
    "a relu(w·x)²": _power(2, _positive),
    "(w·x)²": _alone(2),
    "(w·x)³": _alone(3),
    "a w·x": Kind(
        degree=2,
        size=lambda d, q: 2 + d,
        neuron=lambda theta, X: (X @ theta[2:])[:, None] * theta[:2],
        output=lambda theta, X: (theta[:, 2:] @ X.T)[..., None] * theta[:, None, :2],
        derivative=_linear_derivative,
        targets=2,
    ),
    "u ⊙ v": Kind(
        degree=2,
        size=lambda d, q: 2 * d,
        neuron=lambda theta, X: X @ (theta[: X.shape[1]] * theta[X.shape[1] :]),
        output=lambda theta, X: (theta[:, : X.shape[1]] * theta[:, X.shape[1] :]) @ X.T,
        derivative=_diagonal_derivative,
    ),
    "a (u·x) (v·x)": Kind(
        degree=3,
        size=lambda d, q: 1 + 2 * d,
        neuron=lambda theta, X: (
            theta[0] * (X @ theta[1 : 1 + X.shape[1]]) * (X @ theta[1 + X.shape[1] :])
        ),
        output=lambda theta, X: (
            theta[:, :1] * (theta[:, 1 : 1 + X.shape[1]] @ X.T) * (theta[:, 1 + X.shape[1] :] @ X.T)
        ),
        derivative=_product_derivative,
    ),
}


@dataclass(frozen=True)
class Tiny:
    """A tiny problem: a kind of neuron, data, and initial neurons."""

    seed: int
    name: str
    X: Array
    Y: Array
    init: Array

    @property
    def kind(self) -> Kind:
        """The neuron."""
        return KINDS[self.name]

    def path(self, log_alpha: float, **options: Any) -> SaddlePath:
        """The saddle path, by the package."""
        given = {"degree": self.kind.degree, "log_alpha": log_alpha} | options
        return saddles.agf.network(self.kind.neuron, self.X, self.Y, self.init, **given)

    @property
    def oracle(self) -> Neurons:
        """The same network, for the oracle."""
        X, m, kind = self.X, self.Y.size, self.kind
        return Neurons(
            degree=kind.degree,
            output=lambda theta: kind.output(theta, X).reshape(len(theta), m),
            derivative=lambda theta: kind.derivative(theta, X).reshape(len(theta), m, -1),
            targets=self.Y.ravel(),
            count=len(X),
        )


def tiny(seed: int) -> Tiny:
    """Return the problem of a seed: 2 to 6 samples, 1 to 5 neurons, small integers."""
    rng = np.random.default_rng(seed)
    name = list(KINDS)[seed % len(KINDS)]
    kind = KINDS[name]
    n, d, width = int(rng.integers(2, 7)), int(rng.integers(1, 4)), int(rng.integers(1, 6))
    largest = int(rng.choice([1, 3]))
    X = rng.integers(-largest, largest + 1, (n, d)).astype(float)
    if rng.random() < 0.2:
        X[1] = X[0]
    if not X.any():
        X[0, 0] = 1.0
    shape = (n,) if kind.targets == 1 else (n, kind.targets)
    Y = rng.integers(-3, 4, shape).astype(float)
    init = rng.standard_normal((width, kind.size(d, kind.targets))).round(2)
    init[~init.any(axis=1), 0] = 1.0
    if "relu" in name:  # of which one with w = 0 has no direction
        init[~init[:, 1:].any(axis=1), 1] = 1.0
    if width > 1 and rng.random() < 0.1:
        init[1] = init[0]
    if name == "u ⊙ v":  # neurons of one coordinate each, as in a diagonal network
        init = np.eye(d, 2 * d)
    return Tiny(seed, name, X, Y, init)
