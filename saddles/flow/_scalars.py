"""One scalar per coordinate of a deep diagonal network: β, its speed and its clock as functions.

`saddles._diagonal.boundaries` derives them. With z the smallest weight over α, b_j the sizes of
the initial weights and μ_j² = b_j² − b_1², a product Π_j w_j has

    p = arsinh(z/μ_2) + log(μ_2/2),   dp/dS = Π_{j≥3} (z² + μ_j²)^½,   β/α^D = z Π_{j≥2} (z² + μ_j²)^½,

where S is the integral of the gradient in scaled time: p is the logarithm of z where z is large,
and one absolute tolerance of p serves all sizes of β. A difference u^D − v^D conserves
K = u^{2−D} + v^{2−D}, and p = log(u/v) − log(K)/(D − 2) does the same for it.

===============  ======================================================================
code name        symbol
===============  ======================================================================
``p``            p, shape (d, ...)
``value``        β/α^D
``rate``         dp/dS, up to its sign
``bend``         d log(rate)/dp
``left``         what is left of S until the boundary above and the one below
===============  ======================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from saddles._diagonal.boundaries import Start, near, spreads
from saddles.typing import Array

__all__ = ["Motion", "Scalars", "scalars"]

class Motion(NamedTuple):
    """β/α^D and its derivative by p, dp/dS, and d log(dp/dS)/dp, each of the shape of p."""

    value: Array
    slope: Array
    rate: Array
    bend: Array


class Scalars(Protocol):
    """The coordinates of one kind of network."""

    depth: int

    @property
    def start(self) -> Array:
        """Return the initial p, shape (d,)."""

    @property
    def turn(self) -> Array:
        """Return 2p at the place where both signs are alike (d,); −∞ if one is forbidden."""

    def motion(self, p: Array) -> Motion:
        """Return where coordinates are, and how they move."""

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

    @property
    def start(self) -> Array:
        return np.asarray(np.log((self._sizes[0] + self._sizes[1]) / 2))

    @cached_property
    def turn(self) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray(2 * np.log(self._spreads[1] / 2))

    def _layers(self, p: Array) -> tuple[Array, Array]:
        """Return z (d, ...), and the sizes of all other layers (D − 1, d, ...)."""
        half, mirrored = np.exp(p), np.exp(_along(self.turn, p) - p)
        z = half - mirrored
        inner = [np.hypot(z, _along(spread, p)) for spread in self._spreads[2:]]
        return z, np.array([half + mirrored, *inner])

    def motion(self, p: Array) -> Motion:
        z, others = self._layers(p)
        sign, second, inner = _along(self._sign, p), others[0], others[1:]
        rate = inner.prod(axis=0)
        bend = ((z / inner) * (second / inner)).sum(axis=0)
        slope = rate * (second * second + z * z + z * second * bend)
        return Motion(sign * z * second * rate, sign * slope, sign * rate, bend)

    def left(self, p: Array) -> tuple[Array, Array]:
        z, others = self._layers(p)
        sizes = np.concatenate([np.abs(z)[None], others]).reshape(self.depth, -1)
        own = near(np.sort(sizes, axis=0)).reshape(p.shape)
        other = 2 * _along(near(self._spreads), p) - own
        above = _along(self._sign, p) * z >= 0
        return np.where(above, own, other), np.where(above, other, own)


@dataclass(frozen=True, eq=False)
class Differences:
    """β = u^D − v^D, from weights (2, d) over α."""

    depth: int
    init: Array

    @cached_property
    def _log_sum(self) -> Array:
        """log K."""
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

    def motion(self, p: Array) -> Motion:
        up, down = self._powers(p)
        depth, power = self.depth, self.depth / (self.depth - 2)
        # du/dp = u v^{2−D}/K, and K = u^{2−D} + v^{2−D}: shares of the two in it.
        u, v, share = up**power, down**power, up / (up + down)
        slope = depth * (u * share + v * (1 - share))
        return Motion(u - v, slope, depth * (up + down), (depth - 2) * (2 * share - 1))

    def left(self, p: Array) -> tuple[Array, Array]:
        up, down = self._powers(p)
        whole = self.depth * (self.depth - 2)
        return 1 / (whole * up), 1 / (whole * down)


def _along(values: Array, p: Array) -> Array:
    """Return one number per coordinate (d,), for p of shape (d, ...)."""
    return values.reshape(-1, *(1,) * (p.ndim - 1))
