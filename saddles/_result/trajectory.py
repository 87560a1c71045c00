"""What the trajectory of a flow offers, in whatever coordinates it was integrated.

==================  ===================================================================
code name           symbol
==================  ===================================================================
``tau``             τ, scaled time, (q,)
``s``               the parameter in which jumps are resolved; τ itself, or a length
``point(tau)``      β(τ), the function-space point
``loss_rate(tau)``  dL/dτ ≤ 0
==================  ===================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from saddles.typing import Array

__all__ = ["Curve", "Plain", "Stretched", "Ticking"]


class Curve(Protocol):
    """A trajectory in some coordinates; every `tau` is an array (q,) of scaled times."""

    def point(self, tau: Array) -> Array:
        """Return the function-space points at `tau` (q,), shape (q, ...)."""

    def loss(self, tau: Array) -> Array:
        """Return the losses at `tau` (q,), shape (q,)."""

    def loss_rate(self, tau: Array) -> Array:
        """Return the derivatives of the loss with respect to scaled time at `tau`, shape (q,)."""

    def conservation(self) -> float:
        """Return the largest violation of a conservation law, relative to its natural size."""


@runtime_checkable
class Stretched(Protocol):
    """A curve that has a parameter s of its own, because jumps may be too short for floats in τ."""

    @property
    def knots(self) -> Array:
        """Return s at the integrator's steps, shape (m,)."""

    def times_at(self, s: Array) -> Array:
        """Return scaled times, shape (q,)."""

    def losses_at(self, s: Array) -> Array:
        """Return the losses, shape (q,)."""

    def log_slopes_at(self, s: Array) -> Array:
        """Return log(−dL/dτ), shape (q,); -inf where the loss rests."""


@runtime_checkable
class Ticking(Protocol):
    """A curve whose units have clocks that run until a boundary near −1 or 1."""

    def clocks(self, tau: Array) -> Array:
        """Return the clocks S, shape (q, d)."""


@dataclass(frozen=True, eq=False)
class Plain:
    """A curve whose parameter is scaled time itself."""

    curve: Curve
    knots: Array

    def times_at(self, s: Array) -> Array:
        return s

    def losses_at(self, s: Array) -> Array:
        return self.curve.loss(s)

    def log_slopes_at(self, s: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.maximum(-self.curve.loss_rate(s), 0.0)))
