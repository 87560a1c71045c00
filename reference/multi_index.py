"""Neurons on multi-index targets by quadrature and by Monte-Carlo.

Cho and Saul (2009, arXiv:1112.3712) for the correlation of two neurons; O'Donnell, "Analysis of
Boolean Functions" (2014), section 11.2, for Hermite coefficients. Inputs are x ~ N(0, I_d), the
target is y = g(z) of the first r coordinates z, and the network f(x) = Σ_i a_i σ(w_i·x) with
σ(z) = c₊ z₊^k + c₋ (−z)₊^k is trained on L = ½ E(y − f)².

=================  ==========================================================================
code               symbol
=================  ==========================================================================
``k, plus, minus``  k, c₊, c₋
``angle``          t, the angle between w and w'
``s``              s = ŵ·x, a standard normal number
``v``              v = Uᵀŵ: given s, z is v s + √(I − v vᵀ) ξ with ξ ~ N(0, I_r)
=================  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Nodes of the rule on a piece without kinks, and where the half line ends.
NODES, FAR = 120, 14.0


@dataclass(frozen=True)
class Activation:
    """σ(z) = plus z₊^k + minus (−z)₊^k."""

    k: int
    plus: float
    minus: float

    def __call__(self, z: Floats) -> Floats:
        """Return σ(z)."""
        ahead, behind = np.maximum(z, 0.0) ** self.k, np.maximum(-z, 0.0) ** self.k
        return np.asarray(self.plus * ahead + self.minus * behind)


def correlation(activation: Activation, angle: float) -> float:
    """Return E σ(w·x) σ(w'·x) of unit vectors: x is r (cos φ, sin φ), with E r^{2k} = 2^k k!."""
    kinks = {
        (side + shift) % (2 * math.pi)
        for side in (0.5 * math.pi, 1.5 * math.pi)
        for shift in (0.0, angle)
    }
    total = 0.0
    for begin, end in pairwise([0.0, *sorted(kinks), 2 * math.pi]):
        phi, weights = _between(begin, end)
        total += float(weights @ (activation(np.cos(phi)) * activation(np.cos(phi - angle))))
    return 2.0**activation.k * math.factorial(activation.k) * total / (2 * math.pi)


def target_term(
    g: Callable[[Floats], Floats], activation: Activation, v: Floats, *, nodes: int = 24
) -> float:
    """Return E g(z) σ(s) for a neuron of norm 1 with overlaps v (r,); g takes (n, r) to (n,)."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()
    grid = np.array(list(product(points, repeat=len(v))))
    mass = np.prod(np.array(list(product(weights, repeat=len(v)))), axis=1)
    values, vectors = np.linalg.eigh(np.eye(len(v)) - np.outer(v, v))
    spread = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    total = 0.0
    for begin, end in ((-FAR, 0.0), (0.0, FAR)):
        s, half = _between(begin, end)
        z = s[:, None, None] * v + grid @ spread
        given_s = g(z.reshape(-1, len(v))).reshape(len(s), -1) @ mass
        density = np.exp(-s * s / 2) / math.sqrt(2 * math.pi)
        total += float((half * density * activation(s)) @ given_s)
    return total


def monte_carlo(
    g: Callable[[Floats], Floats], activation: Activation, theta: Floats, r: int, n: int, seed: int
) -> tuple[float, float]:
    """Return L of neurons θ = (a, w), (H, 1 + d), on n samples, and its standard error."""
    x = np.random.default_rng(seed).standard_normal((n, theta.shape[1] - 1))
    f = theta[:, 0] @ activation(theta[:, 1:] @ x.T)
    losses = (g(x[:, :r]) - f) ** 2 / 2
    return float(losses.mean()), float(losses.std() / math.sqrt(n))


def _between(begin: float, end: float) -> tuple[Floats, Floats]:
    """Return the nodes and weights of Gauss and Legendre's rule on an interval."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half = (end - begin) / 2
    return begin + half * (nodes + 1), half * weights
