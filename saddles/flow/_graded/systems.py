"""What graded coordinates integrate: matrix factorisations and two-layer linear networks.

Plain records, so that a flow can be pickled whenever its loss can.

=================  ==================================================
code name          symbol
=================  ==================================================
``factor``         Z: U with W = UUᵀ, or (WV)ᵀ above A
``drive``          F(Z), symmetric, with Z' = F Z
``bend``           what variations of Z do to F
=================  ==================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from saddles._matrix.loss_checks import OURS
from saddles._matrix.moments import Moments, stacked
from saddles.flow._graded.slopes import bent, second_derivative
from saddles.typing import Array

__all__: list[str] = []


class System(Protocol):
    """What to integrate, and what to read off; every `factor` is Z (m, r)."""

    #: Minus the derivative of the loss with respect to time, divided by |FZ|².
    squares: ClassVar[float]

    def drive(self, factor: Array, /) -> Array:
        """Return F (m, m), symmetric."""

    def loss(self, factor: Array, /) -> float:
        """Return the loss."""

    def readout(self, factor: Array, /) -> Array:
        """Return the point in function space."""

    def bend(self, factor: Array, changes: Array, /) -> Array:
        """Return what variations of Z (n, m, r) do to F, (n, m, m)."""

    def left(self, factor: Array, /) -> float:
        """Return an upper bound of what the loss could fall by; inf without one."""


@dataclass(frozen=True, eq=False)
class Factorisation:
    """U' = −∇f(UUᵀ) U, with the second derivative of f as `second_derivative` returns it."""

    f: Any
    second: Callable[[Array], Array]
    squares: ClassVar[float] = 2.0

    @classmethod
    def of(cls, loss: Any) -> Factorisation:
        """Return the factorisation of a loss."""
        return cls(loss, second_derivative(loss))

    def drive(self, factor: Array) -> Array:
        return -np.asarray(self.f.gradient(self.readout(factor)), dtype=float)

    def loss(self, factor: Array) -> float:
        return float(self.f.value(self.readout(factor)))

    def readout(self, factor: Array) -> Array:
        return np.asarray(factor @ factor.T)

    def bend(self, factor: Array, changes: Array) -> Array:
        return bent(self.second(self.readout(factor)), factor, changes)

    def left(self, factor: Array) -> float:
        # Squares, as those of this package are, do not fall below 0.
        return self.loss(factor) if isinstance(self.f, OURS) else math.inf


@dataclass(frozen=True, eq=False)
class TwoLayers:
    """The flow of a linear network, with its loss above the least, in the basis of its inputs.

    Σxx = V diag(s) Vᵀ, and Z = [(WV)ᵀ; A]. What is learnt of inputs that hardly vary is large, and
    in any other basis the rounding of AWΣxx would be as large as that, instead of as s times it.

    Attributes
    ----------
    scales : ndarray of shape (d,)
        s.
    inputs : ndarray of shape (d, d)
        V.
    signals : ndarray of shape (c, d)
        ΣyxV.
    best : ndarray of shape (c, d)
        The best linear map, times V.
    """

    scales: Array
    inputs: Array
    signals: Array
    best: Array
    squares: ClassVar[float] = 1.0

    @classmethod
    def of(cls, moments: Moments) -> TwoLayers:
        """Turn the moments."""
        V = moments.vectors
        return cls(moments.values, V, moments.yx @ V, moments.best @ V)

    def turned(self, start: Array) -> Array:
        """Return Z for the weights Wᵀ above A, (d + c, width)."""
        d = self.scales.size
        return np.vstack([self.inputs.T @ start[:d], start[d:]])

    def drive(self, factor: Array) -> Array:
        return stacked(self.signals - self._learnt(factor) * self.scales)

    def loss(self, factor: Array) -> float:
        return float(np.sum((self._learnt(factor) - self.best) ** 2 @ self.scales)) / 2

    def readout(self, factor: Array) -> Array:
        return np.asarray(self._learnt(factor) @ self.inputs.T)

    def bend(self, factor: Array, changes: Array) -> Array:
        d = self.scales.size
        moved = changes[:, d:] @ factor[:d].T + factor[d:] @ changes[:, :d].mT
        slope = moved * self.scales
        turned = np.zeros((len(changes), *2 * (factor.shape[0],)))
        turned[:, d:, :d], turned[:, :d, d:] = -slope, -slope.mT
        return turned

    def left(self, factor: Array) -> float:
        return self.loss(factor)

    def _learnt(self, factor: Array) -> Array:
        """Return AWV, shape (c, d)."""
        d = self.scales.size
        return np.asarray(factor[d:] @ factor[:d].T)
