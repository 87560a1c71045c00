"""One scalar per coordinate of a deep diagonal network: β, its speed and its clock as functions.

`saddles._diagonal.boundaries` derives them. With z the smallest weight over α, b_j the sizes of
the initial weights and μ_j² = b_j² − b_1², a product Π_j w_j has

    z = μ_2 sinh q,   dq/dS = Π_{j≥3} (z² + μ_j²)^½,   β/α^D = z Π_{j≥2} (z² + μ_j²)^½,

where S is the integral of the gradient in scaled time: q is a logarithm of z where z is large, and
z in units of μ_2 where it is small, so that one absolute tolerance of q serves all sizes of β.
Where μ_2 = 0, z keeps its sign, and q = log z. A difference u^D − v^D conserves
K = u^{2−D} + v^{2−D}, and q = log(u/v) does the same for it.

===============  ======================================================================
code name        symbol
===============  ======================================================================
``q``            q, shape (d,) or (d, m)
``value``        V = β/α^D
``rate``         dq/dS
``bend``         d log(rate)/dq
``slope``        dV/dq
``left``         what is left of S until the boundary above and the one below
===============  ======================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from saddles._diagonal.boundaries import Start, near, spreads
from saddles.typing import Array, Mask

__all__ = ["Scalars", "scalars"]

#: Where one sign is forbidden, weights below α e^{−300} act as zero: their squares stay in range.
LEAST = -300.0


class Scalars(Protocol):
    """The coordinates of one kind of network."""

    @property
    def depth(self) -> int:
        """Return D."""

    @property
    def start(self) -> Array:
        """Return the initial q, shape (d,)."""

    def limits(self, reach: float) -> tuple[Array, Array]:
        """Return q (d,) between which a weight comes to α e^reach, on either side."""

    def motion(self, q: Array) -> tuple[Array, Array]:
        """Return the value and the rate."""

    def slopes(self, q: Array) -> tuple[Array, Array]:
        """Return the derivatives by q of the value and of the rate's logarithm."""

    def left(self, q: Array) -> tuple[Array, Array]:
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
    def _squares(self) -> Array:
        """μ_j² for j ≥ 3, shape (D − 2, d)."""
        return np.asarray(self._spreads[2:] ** 2)

    @cached_property
    def _tied(self) -> Mask:
        """Where μ_2 = 0, shape (d,)."""
        return np.asarray(self._spreads[1] == 0)

    @cached_property
    def _unit(self) -> Array:
        """μ_2, and 1 where it is 0."""
        return np.where(self._tied, 1.0, self._spreads[1])

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
        first = self._sizes[0]
        return np.where(
            self._tied, np.log(np.where(self._tied, first, 1.0)), np.arcsinh(first / self._unit)
        )

    def limits(self, reach: float) -> tuple[Array, Array]:
        top = np.where(self._tied, reach, reach + np.log(2 / self._unit))
        top = np.maximum(top, self.start + 1)
        return np.where(self._tied, LEAST, -top), top

    def _layers(self, q: Array) -> tuple[Array, Array, Array]:
        """Return z, the next size (d, ...), and the squares of all others (D − 2, d, ...)."""
        unit = _along(self._unit, q)
        z, second = unit * np.sinh(q), unit * np.cosh(q)
        if self._tied.any():
            tied, grown = _along(self._tied, q), np.exp(q)
            z, second = np.where(tied, grown, z), np.where(tied, grown, second)
        squares = self._squares if q.ndim == 1 else self._squares[..., None]
        return z, second, z * z + squares

    def motion(self, q: Array) -> tuple[Array, Array]:
        z, second, squares = self._layers(q)
        rate = np.sqrt(squares.prod(axis=0))
        rate *= _along(self._sign, q)
        return z * second * rate, rate

    def slopes(self, q: Array) -> tuple[Array, Array]:
        z, second, squares = self._layers(q)
        bend = z * second * (1 / squares).sum(axis=0)
        rate = np.sqrt(squares.prod(axis=0)) * _along(self._sign, q)
        return rate * (second * second + z * z + z * second * bend), bend

    def left(self, q: Array) -> tuple[Array, Array]:
        z, second, squares = self._layers(q)
        sizes = np.array([np.abs(z), second, *np.sqrt(squares)]).reshape(self.depth, -1)
        own = near(np.sort(sizes, axis=0)).reshape(q.shape)
        other = 2 * _along(self._crossing, q) - own
        above = _along(self._sign, q) * z >= 0
        return np.where(above, own, other), np.where(above, other, own)


@dataclass(frozen=True, eq=False)
class Differences:
    """β = u^D − v^D, from weights (2, d) over α."""

    depth: int
    init: Array

    @cached_property
    def _sum(self) -> Array:
        """K, shape (d,)."""
        return np.asarray((self.init ** (2.0 - self.depth)).sum(axis=0))

    @property
    def start(self) -> Array:
        return np.asarray(np.log(self.init[0]) - np.log(self.init[1]))

    def limits(self, reach: float) -> tuple[Array, Array]:
        top = reach + np.log(self._sum) / (self.depth - 2)
        top = np.maximum(top, np.abs(self.start) + 1)
        return -top, top

    def motion(self, q: Array) -> tuple[Array, Array]:
        # u^{D−2} v^{D−2} = mean², and u/v = e^q.
        power, total = self.depth - 2, _along(self._sum, q)
        mean = 2 * np.cosh(power * q / 2) / total
        value = 2 * mean ** (self.depth / power) * np.sinh(self.depth * q / 2)
        return value, self.depth * total * mean * mean

    def slopes(self, q: Array) -> tuple[Array, Array]:
        power, half = self.depth - 2, self.depth * q / 2
        mean = 2 * np.cosh(power * q / 2) / _along(self._sum, q)
        turn = np.tanh(power * q / 2)
        growth = turn * np.sinh(half) + np.cosh(half)
        return self.depth * mean ** (self.depth / power) * growth, power * turn

    def left(self, q: Array) -> tuple[Array, Array]:
        power, total = self.depth - 2, _along(self._sum, q)
        share = total / (self.depth * power)
        return share / (1 + np.exp(power * q)), share / (1 + np.exp(-power * q))


def _along(values: Any, q: Array) -> Any:
    """Return one number per coordinate (d,), for q of shape (d,) or (d, m)."""
    return values if q.ndim == 1 else values[:, None]
