"""One scalar per coordinate of a deep diagonal network: β, its speed and its clock as functions.

`saddles._diagonal.boundaries` derives them. With z the smallest weight over α, b_j the sizes of
the initial weights and μ_j² = b_j² − b_1², a product Π_j w_j has

    p = arsinh(z/μ_2) + log(μ_2/2),
    dp/dS = Π_{j≥3} (z² + μ_j²)^½,   β/α^D = z Π_{j≥2} (z² + μ_j²)^½,

where S is the integral of the gradient in scaled time: p is the logarithm of z where z is large,
and one absolute tolerance of p serves all sizes of β. A difference u^D − v^D conserves
K = u^{2−D} + v^{2−D}, and p = log(u/v) − log(K)/(D − 2) does the same for it.

===============  ======================================================================
code name        symbol
===============  ======================================================================
``p``            p, shape (d, ...)
``value``        V = β/α^D
``rate``         dp/dS
``bend``         d log(rate)/dp
``slope``        dV/dp
``left``         what is left of S until the boundary above and the one below
===============  ======================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from saddles._diagonal.boundaries import Start, near, spreads
from saddles.typing import Array

__all__ = ["Scalars", "scalars"]


class Scalars(Protocol):
    """The coordinates of one kind of network."""

    @property
    def depth(self) -> int:
        """Return D."""

    @property
    def start(self) -> Array:
        """Return the initial p, shape (d,)."""

    @property
    def turn(self) -> Array:
        """Return 2p at the place where both signs are alike (d,); −∞ if one is forbidden."""

    def motion(self, p: Array) -> tuple[Array, Array]:
        """Return the value and the rate."""

    def slopes(self, p: Array) -> tuple[Array, Array]:
        """Return the derivatives by p of the value and of the rate's logarithm."""

    def left(self, p: Array) -> tuple[Array, Array]:
        """Return how far the clock is from the boundary above and from the one below."""


def scalars(start: Start, n_features: int) -> Scalars:
    """Return the coordinates of a network of depth 3 or more."""
    init = np.broadcast_to(start.init, (len(start.init), n_features))
    return (Products if start.form == "product" else Differences)(start.depth, init)


@dataclass(frozen=True, eq=False)
class Products:
    """β = Π_j w_j, from weights (D, d) over α."""

    depth: int
    init: Array

    @cached_property
    def _sizes(self) -> Array:
        """b, sorted, shape (D, d)."""
        return np.sort(np.abs(self.init), axis=0)

    @cached_property
    def _spreads(self) -> Array:
        """0 and μ, shape (D, d)."""
        return spreads(self._sizes)

    @cached_property
    def _sign(self) -> Array:
        """Sign of β where z > 0, shape (d,)."""
        return np.where(np.signbit(self.init).sum(axis=0) % 2 == 1, -1.0, 1.0)

    @cached_property
    def _crossing(self) -> Array:
        """What is left of the clock where z = 0, shape (d,)."""
        return near(self._spreads)

    @property
    def start(self) -> Array:
        return np.asarray(np.log((self._sizes[0] + self._sizes[1]) / 2))

    @cached_property
    def turn(self) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray(2 * np.log(self._spreads[1] / 2))

    @cached_property
    def _squares(self) -> Array:
        """μ_j² for j ≥ 3, shape (D − 2, d)."""
        return np.asarray(self._spreads[2:] ** 2)

    def _layers(self, p: Array) -> tuple[Array, Array, Array]:
        """Return z, the next size (d, ...), and the squares of all others (D − 2, d, ...)."""
        half, mirrored = np.exp(p), np.exp(_along(self.turn, p) - p)
        z = half - mirrored
        squares = self._squares if p.ndim == 1 else self._squares[..., None]
        return z, half + mirrored, z * z + squares

    def motion(self, p: Array) -> tuple[Array, Array]:
        z, second, squares = self._layers(p)
        rate = np.sqrt(squares.prod(axis=0))
        rate *= _along(self._sign, p)
        return z * second * rate, rate

    def slopes(self, p: Array) -> tuple[Array, Array]:
        z, second, squares = self._layers(p)
        bend = z * second * (1 / squares).sum(axis=0)
        rate = np.sqrt(squares.prod(axis=0)) * _along(self._sign, p)
        return rate * (second * second + z * z + z * second * bend), bend

    def left(self, p: Array) -> tuple[Array, Array]:
        z, second, squares = self._layers(p)
        sizes = np.array([np.abs(z), second, *np.sqrt(squares)]).reshape(self.depth, -1)
        own = near(np.sort(sizes, axis=0)).reshape(p.shape)
        other = 2 * _along(self._crossing, p) - own
        above = _along(self._sign, p) * z >= 0
        return np.where(above, own, other), np.where(above, other, own)


@dataclass(frozen=True, eq=False)
class Differences:
    """β = u^D − v^D, from weights (2, d) over α."""

    depth: int
    init: Array

    @cached_property
    def _log_sum(self) -> Array:
        """The logarithm of K."""
        return np.asarray(np.log((self.init ** (2.0 - self.depth)).sum(axis=0)))

    @property
    def start(self) -> Array:
        return np.asarray(np.log(self.init[0]) - np.log(self.init[1]) + self.turn / 2)

    @property
    def turn(self) -> Array:
        return np.asarray(-2 * self._log_sum / (self.depth - 2))

    def _powers(self, p: Array) -> tuple[Array, Array]:
        """Return u^{D−2} and v^{D−2}."""
        floor = np.exp(-_along(self._log_sum, p))
        growths = ((self.depth - 2) * q for q in (p, _along(self.turn, p) - p))
        up, down = (floor + np.exp(growth) for growth in growths)
        return up, down

    def motion(self, p: Array) -> tuple[Array, Array]:
        up, down = self._powers(p)
        power = self.depth / (self.depth - 2)
        return up**power - down**power, self.depth * (up + down)

    def slopes(self, p: Array) -> tuple[Array, Array]:
        up, down = self._powers(p)
        # du/dp = u v^{2−D}/K, and K = u^{2−D} + v^{2−D}: shares of the two in it.
        power, share = self.depth / (self.depth - 2), up / (up + down)
        slope = self.depth * (up**power * share + down**power * (1 - share))
        return slope, (self.depth - 2) * (2 * share - 1)

    def left(self, p: Array) -> tuple[Array, Array]:
        up, down = self._powers(p)
        whole = self.depth * (self.depth - 2)
        return 1 / (whole * up), 1 / (whole * down)


def _along(values: Array, p: Array) -> Array:
    """Return one number per coordinate (d,), for p of shape (d,) or (d, q)."""
    return values if p.ndim == 1 else values[:, None]
