"""Homogeneous networks in plain numpy, for tests: an output and its derivative, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Network:
    """f(X) = Σ_i output(θ_i) on the loss |Y − f|²/(2n); Y has n entries or n rows.

    `output` takes θ (H, p) to (H, m), m the number of entries of Y, and `derivative` to (H, m, p).
    """

    degree: int
    size: int
    targets: Array
    output: Callable[[Array], Array]
    derivative: Callable[[Array], Array]
    count: int

    def residual(self, theta: Array) -> Array:
        return self.targets.ravel() - self.output(theta).sum(axis=0)

    def loss(self, theta: Array) -> float:
        return float(np.sum(self.residual(theta) ** 2) / (2 * self.count))

    def gradient(self, theta: Array) -> Array:
        return -self.utility_gradient(theta, theta)

    def utility(self, theta: Array, active: Array) -> Array:
        return self.output(theta) @ self.residual(active) / self.count

    def utility_gradient(self, theta: Array, active: Array) -> Array:
        return np.einsum("hmp,m->hp", self.derivative(theta), self.residual(active)) / self.count

    def point(self, theta: Array) -> Array:
        return self.output(theta).sum(axis=0).reshape(self.targets.shape)


def diagonal(X: Array, y: Array) -> tuple[Network, Array]:
    """The diagonal network, and its start (u, v) = (1, 0): neuron i lives in coordinate i alone."""
    n, d = X.shape

    def output(theta: Array) -> Array:
        return (theta[:, :d] * theta[:, d:]) @ X.T

    def derivative(theta: Array) -> Array:
        return np.concatenate([theta[:, None, d:] * X, theta[:, None, :d] * X], axis=2)

    return Network(2, 2 * d, y, output, derivative, n), np.eye(d, 2 * d)


def linear(X: Array, Y: Array) -> Network:
    """The linear network A W x: θ = (a, w)."""
    (n, d), c = X.shape, Y.shape[1]

    def output(theta: Array) -> Array:
        return np.einsum("hc,hd,nd->hnc", theta[:, :c], theta[:, c:], X).reshape(len(theta), n * c)

    def derivative(theta: Array) -> Array:
        by_a = np.einsum("hd,nd,ce->hnce", theta[:, c:], X, np.eye(c))
        by_w = np.einsum("hc,nd->hncd", theta[:, :c], X)
        return np.concatenate([by_a, by_w], axis=3).reshape(len(theta), n * c, c + d)

    return Network(2, c + d, Y, output, derivative, n)


def power(X: Array, y: Array, degree: int) -> Network:
    """f(x) = Σ a (w·x)^(κ−1): θ = (a, w)."""
    n, d = X.shape

    def output(theta: Array) -> Array:
        return theta[:, :1] * (theta[:, 1:] @ X.T) ** (degree - 1)

    def derivative(theta: Array) -> Array:
        inner = theta[:, 1:] @ X.T
        slope = (degree - 1) * theta[:, :1] * inner ** (degree - 2)
        return np.concatenate([inner[..., None] ** (degree - 1), slope[..., None] * X], axis=2)

    return Network(degree, 1 + d, y, output, derivative, n)


def squares(X: Array, Y: Array) -> Network:
    """f(x) = Σ a (w·x)² with several outputs: θ = (a, w)."""
    (n, d), c = X.shape, Y.shape[1]

    def output(theta: Array) -> Array:
        inner = theta[:, c:] @ X.T
        return np.einsum("hc,hn->hnc", theta[:, :c], inner**2).reshape(len(theta), n * c)

    def derivative(theta: Array) -> Array:
        inner = theta[:, c:] @ X.T
        by_a = np.einsum("hn,ce->hnce", inner**2, np.eye(c))
        by_w = np.einsum("hc,hn,nd->hncd", theta[:, :c], 2 * inner, X)
        return np.concatenate([by_a, by_w], axis=3).reshape(len(theta), n * c, c + d)

    return Network(3, c + d, Y, output, derivative, n)
