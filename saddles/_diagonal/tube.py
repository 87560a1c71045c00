"""The tube of dual points in which clocks that are not evaluated cannot ring.

A dual point ρ = ρ₀ + κ r₀ + v is in the tube while κ ≤ span and |v| ≤ a span: there every clock
whose own span is longer is short of its boundary (`screening` says why).

=============  ======================================================================
code name      symbol
=============  ======================================================================
``base``       ρ₀
``direction``  r₀, of the norm ``size``
``slope``      a / |r₀|
``span``       the smallest span of the clocks that are not kept
``along``      κ
``astray``     |v| / |r₀|
=============  ======================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from saddles._diagonal.race import Course
from saddles._numerics.precision import EPS
from saddles.typing import Array

__all__ = ["PRODUCT_ROUNDING", "Tube"]

#: Rounding of a scalar product x·ρ, relative to |x| ∫|r| and per sample.
PRODUCT_ROUNDING = 4 * EPS


@dataclass(eq=False)
class Tube:
    """Dual points at which the clocks that are not kept are short of their boundaries.

    One was at ``along`` and ``astray`` when last measured; another adds no more to |v| than its
    distance, which is at most the arc length since ``arc``.
    """

    base: Array
    direction: Array
    size: float
    slope: float
    span: float
    arc: float
    along: float = 0.0
    astray: float = 0.0

    def holds(self, course: Course, delay: float) -> bool:
        """Whether the dual point is in the tube for all of `delay`."""
        if not math.isfinite(delay):
            return False
        arc = course.arc + delay * course.size
        hidden = (
            2 * (course.reach + delay * course.noise) + PRODUCT_ROUNDING * course.dual.size * arc
        )
        gone = (arc - self.arc + hidden) / self.size
        if self.astray + gone <= self.slope * self.span:
            return True
        stray = course.dual + delay * course.residual
        stray -= self.base
        stray /= arc  # at least |ρ|, so that no square overflows
        along = float(stray.dot(self.direction)) / self.size**2
        stray -= along * self.direction
        self.along, self.astray = along * arc, math.sqrt(stray.dot(stray)) / self.size * arc
        self.arc = course.arc - delay * course.size  # from here on, if it first went back
        astray = self.astray + hidden / self.size
        return 0 <= self.along <= self.span and astray <= self.slope * self.span
