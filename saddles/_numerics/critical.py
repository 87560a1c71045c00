"""The search for critical points: Newton's method, and what curvature says of where it came to.

A flow tends to a critical point, and Newton's method adds the digits. Its steps are those of least
norm: directions without curvature are left alone. What it finds is trusted only where it is near,
and where the way there did not climb to a saddle that the flow is leaving.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``place``        θ, of any shape; m entries
``force``        −∇φ(θ), of the same shape
``size``         |force|, relative to what it could be
``values``       eigenvalues of ∇²φ, rising, (m,)
``vectors``      its eigenvectors, (M, m): M > m where a symmetry is left out
===============  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from saddles._numerics.watch import tick
from saddles.typing import Array

__all__ = [
    "ZERO_CURVATURE",
    "Found",
    "Landscape",
    "Point",
    "Rules",
    "Spectrum",
    "curves_down",
    "search",
]

#: Curvature, relative to the largest, that is rounding alone.
ZERO_CURVATURE = 1e-14
#: Curvature, relative to the largest, that counts as none beside a displacement.
FLAT = 1e-8
#: Share of a displacement along negative curvature that is rounding.
CLIMBING = 1e-5


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Curvatures and their directions; see the module's table.

    ``noise`` is how much of each curvature is rounding, where that is known.
    """

    values: Array
    vectors: Array
    noise: Array | float = 0.0

    @classmethod
    def of(cls, hessian: Array, symmetry: Array | None = None) -> Spectrum:
        """Return the spectrum of a Hessian (M, M), without the directions of a symmetry (M, s)."""
        if symmetry is None or not symmetry.shape[1]:
            return cls(*np.linalg.eigh(hessian))
        rest = np.linalg.qr(symmetry, mode="complete")[0][:, symmetry.shape[1] :]
        values, vectors = np.linalg.eigh(rest.T @ hessian @ rest)
        return cls(values, rest @ vectors)

    @property
    def largest(self) -> float:
        """Return the largest curvature, up or down."""
        return float(np.abs(self.values).max())

    def inverse(self, force: Array, flat: float) -> Array:
        """Return the step of least norm to where a force vanishes.

        Directions whose curvature is at most `flat`, or rounding, are left alone.
        """
        used = np.abs(self.values) > np.maximum(flat, self.noise)
        parts = self.vectors[:, used].T @ force.ravel()
        return np.asarray(self.vectors[:, used] @ (parts / self.values[used])).reshape(force.shape)

    def along_flat(self, force: Array, flat: float) -> float:
        """Return how much force there is along the directions that `inverse` leaves alone."""
        across = self.vectors[:, np.abs(self.values) <= np.maximum(flat, self.noise)]
        return float(np.linalg.norm(across.T @ force.ravel()))

    def climbs(self, moved: Array, shortest: float = 0.0) -> bool:
        """Whether a displacement leads up to a saddle that the flow is leaving.

        A flow that converges to a saddle along its stable directions (commuting data) does not move
        along the others; one that merely passes a saddle does. A displacement no longer than
        `shortest` may point anywhere.
        """
        down = self.vectors[:, self.values < -np.maximum(FLAT * self.largest, self.noise)]
        length = max(float(np.linalg.norm(moved)), shortest)
        return bool(np.linalg.norm(down.T @ moved.ravel()) > CLIMBING * length)

    @property
    def flat(self) -> int:
        """Number of directions without curvature."""
        return int((np.abs(self.values) <= np.maximum(FLAT * self.largest, self.noise)).sum())


def curves_down(hessian: Array, *, share: float, slack: float = 0.0) -> bool:
    """Whether curvature leads down by more than `slack`, and a `share` of the largest, explain."""
    values = np.linalg.eigvalsh(hessian)
    return not values[0] >= -(slack + share * float(np.abs(values).max()))


@dataclass(frozen=True, eq=False)
class Point:
    """A point of the search; `curvature` makes its spectrum, None where that is too large."""

    place: Array
    force: Array
    size: float
    curvature: Callable[[], Spectrum] | None

    @cached_property
    def spectrum(self) -> Spectrum | None:
        """The curvatures there."""
        return None if self.curvature is None else self.curvature()


class Landscape(Protocol):
    """A function φ whose critical points are sought."""

    def point(self, place: Array, /) -> Point:
        """Return what is known at a place."""

    def newton_step(self, point: Point, /) -> Array | None:
        """Return the step to where the force would vanish, or None if there is none."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """When the search ends.

    Attributes
    ----------
    enough : float
        A size at which nothing is left to do.
    patience : int
        Steps without progress after which it stops.
    progress : float
        A step makes progress if it takes the least size to less than this share of it.
    reach : float
        It gives up this far from its start.
    longest : float
        It gives up where a step is longer than this number times the first.
    """

    enough: float
    patience: int
    progress: float = 1.0
    reach: float = math.inf
    longest: float = math.inf


@dataclass(frozen=True, eq=False)
class Found:
    """The best point of a search.

    Attributes
    ----------
    point : Point
        It.
    moved : ndarray
        How far it is from the start, as a vector.
    first, last : float
        Lengths of the first step, and of the one that led to the point; infinite if there was none.
    """

    point: Point
    moved: Array
    first: float
    last: float


def search(landscape: Landscape, start: Array, rules: Rules) -> Found | None:
    """Apply Newton's method from `start`; None if it strays, or comes to where there is no force.

    The force need not fall at every step: in a narrow valley the first steps raise it.
    """
    best = point = landscape.point(start)
    first, last, idle = 0.0, math.inf, 0
    while best.size > rules.enough and idle < rules.patience:
        tick()
        step = landscape.newton_step(point)
        if step is None:
            return None
        length = float(np.linalg.norm(step))
        first = first or length
        if length > rules.longest * first:
            return None
        place = point.place + step
        if not np.linalg.norm(place - start) <= rules.reach:
            return None
        point = landscape.point(place)
        if not math.isfinite(point.size):
            return None
        idle = 0 if point.size < rules.progress * best.size else idle + 1
        if point.size < best.size:
            best, last = point, length
    return Found(best, best.place - start, first, last)
