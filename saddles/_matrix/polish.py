"""From near a critical point of the factor to all its digits, or a reason to doubt it.

Newton's method in coordinates that have each column's own curvature for a unit, with the directions
that leave W as it is left out. A point is believed if every column is where its own curvature says
that it should be: the next step would leave it where it is. Where a minimum lies at infinity the
force vanishes too, but the step does not: along (1 + |W|)^−p it is |U| / (2p + 1) at any size.

==============  ==================================================================================
code name       symbol
==============  ==================================================================================
``blur``        how far rounding may shift an eigenvalue of ∇f
``lengths``     |y_j| of each column j where the search begins, (c,)
``noise``       rounding of a column's force, relative to its length, (c,)
==============  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from saddles._matrix.frames import Frame
from saddles._numerics.critical import ZERO_CURVATURE, Point, Rules, Spectrum, search
from saddles._numerics.precision import EPS
from saddles.typing import Array

__all__ = ["Polished", "polish"]

#: The force at which it may have converged.
CONVERGED = 1e-9
#: A next step so short, relative to the column, leaves it where it is.
STAYS = 1e-5
#: Multiple of rounding that a force or a step may still have.
ROUNDED = 100.0
#: A column may move by this share of itself, or of a tenth of its natural size.
NEAR, SMALL = 0.3, 0.1
#: Steps without progress after which Newton's method stops.
PATIENCE = 4
#: A displacement so short, relative to the whole, may point anywhere.
SHORT_MOVE = 1e-6


@dataclass(frozen=True, eq=False)
class Polished:
    """A critical point, and the number of directions without curvature there."""

    U: Array
    flat: int


@dataclass(frozen=True, eq=False)
class _Landscape:
    """φ over the coordinates y of `frame`; a size is in units of what is enough."""

    frame: Frame
    symmetry: Callable[[Array], Array]
    blur: float
    lengths: Array
    noise: Array

    def point(self, y: Array, /) -> Point:
        """Return force and curvature."""
        U = self.frame.factor(y)
        pull = self.frame.problem.pull(U)
        force = self.frame.force(pull @ U)
        shares = self.of_columns(force) / np.maximum(EPS, self.noise)
        return Point(y, force, float(np.max(shares)), partial(self._spectrum, U, pull))

    def of_columns(self, y: Array) -> Array:
        """Return the length of each column of y (d c,), relative to those at the start, (c,)."""
        return np.asarray(self.columns(y) / self.lengths)

    def columns(self, y: Array) -> Array:
        """Return the length of each column of y."""
        return np.asarray(np.linalg.norm(y.reshape(self.frame.sizes.shape), axis=0))

    def newton_step(self, at: Point, /) -> Array:
        """Return the step to where the force would vanish."""
        assert at.spectrum is not None
        return at.spectrum.inverse(at.force, ZERO_CURVATURE * at.spectrum.largest)

    def _spectrum(self, U: Array, pull: Array) -> Spectrum:
        symmetry = self.frame.symmetry(self.symmetry(U))
        found = Spectrum.of(self.frame.hessian(U, pull), symmetry)
        noise = self.blur * (self.frame.sizes.ravel() ** 2 @ found.vectors**2)
        return replace(found, noise=noise)


def polish(
    natural: Frame, U: Array, blur: float, symmetry: Callable[[Array], Array]
) -> Polished | None:
    """Apply Newton's method from `U` (d, c); None if it meets any doubt."""
    pull = natural.problem.pull(U)
    hessian = natural.hessian(U, pull)
    if not np.isfinite(hessian).all():
        return None
    frame = natural.curved(U, hessian, blur)
    y = frame.coordinates(U)
    lengths = np.linalg.norm(y.reshape(U.shape), axis=0)
    noise = blur * (frame.sizes**2).max(axis=0)
    if not lengths.all() or ROUNDED * noise.max() > NEAR:
        return None
    landscape = _Landscape(frame, symmetry, blur, lengths, noise)
    found = search(landscape, y, Rules(enough=1.0, patience=PATIENCE, longest=2.0))
    if found is None:
        return None
    best, spectrum = found.point, found.point.spectrum
    assert spectrum is not None
    room = NEAR * np.maximum(1, SMALL * natural.sizes.max(axis=0) / np.linalg.norm(U, axis=0))
    near = (landscape.of_columns(found.moved) <= room).all()
    climbs = spectrum.climbs(found.moved, SHORT_MOVE * float(np.linalg.norm(y)))
    if near and not climbs and _stays(landscape, best):
        return Polished(frame.factor(best.place), spectrum.flat)
    return None


def _stays(landscape: _Landscape, at: Point) -> bool:
    """Whether no force is left but rounding, and the next step would leave every column in place.

    Along directions that are too flat for a step there must be no force at all.
    """
    assert at.spectrum is not None
    rounded = ROUNDED * landscape.noise
    still = landscape.of_columns(at.force) <= np.maximum(CONVERGED, rounded)
    stays = landscape.of_columns(landscape.newton_step(at)) <= STAYS + rounded
    left = at.spectrum.along_flat(at.force, ZERO_CURVATURE * at.spectrum.largest)
    allowed = np.maximum(EPS, landscape.noise) * landscape.lengths
    return bool(still.all() and stays.all() and left <= ROUNDED * np.linalg.norm(allowed))
