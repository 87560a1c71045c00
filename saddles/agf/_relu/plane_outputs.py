"""Where the directions of ReLU neurons with several outputs go while the residual stands still.

With a in R^q a neuron climbs a·G(w) in w and a together, so its stable directions are the local
maxima of |G(w)| on the sphere, with â = G/|G|. In the plane these can be enumerated: between bends
|G(θ)|² = |M (cos θ, sin θ)|² is a constant and a cosine of 2θ, with one maximum in half a turn, and
at a bend the signs of its slopes on both sides say whether there is one. Basins are regions of
(w, a), so they have no ends on the circle; their sizes are sampled.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``matrices``     M on the arc after each bend, shape (k, q, 2)
``cosine``       coefficient of cos 2θ in |M (cos θ, sin θ)|², shape (k,)
``sine``         coefficient of sin 2θ
===============  ==========================================================================
"""

from __future__ import annotations

import math

import numpy as np

from saddles._numerics.precision import EPS, ZERO
from saddles._result.path import PathError
from saddles.agf._relu.exponential_ways import Way, turn
from saddles.agf._relu.piecewise import SAME_DIRECTION, Pulls
from saddles.status import Status
from saddles.typing import Array

__all__ = ["ascend", "peaks"]

#: Slopes and anisotropies below this, relative to scale², are rounding.
ISOTROPIC = 64 * EPS


def peaks(pulls: Pulls) -> tuple[Array, bool]:
    """Return the angles (k,) of the local maxima of |G| in the plane, and whether these are all.

    They are not where |G| is constant along an arc, so that every direction in it is a maximum.
    """
    bounds, matrices = _arcs(pulls)
    widths = np.diff(np.append(bounds, bounds[0] + 2 * math.pi))
    cosine = (np.sum(matrices[:, :, 0] ** 2, axis=1) - np.sum(matrices[:, :, 1] ** 2, axis=1)) / 2
    sine = np.sum(matrices[:, :, 0] * matrices[:, :, 1], axis=1)
    flat = np.hypot(cosine, sine) <= ISOTROPIC * pulls.scale**2
    dead = np.linalg.norm(matrices, axis=(1, 2)) <= ZERO * pulls.scale
    top = np.arctan2(sine, cosine) / 2
    ahead = (top[:, None] + math.pi * np.arange(2) - bounds[:, None]) % (2 * math.pi)
    inside = (ahead > 0) & (ahead < widths[:, None]) & ~flat[:, None]
    smooth = (bounds[:, None] + ahead)[inside]
    if not len(pulls.lines):
        return smooth, not (flat & ~dead).any()

    def slopes(angles: Array, later: float) -> Array:
        """Return the signs of the slope of |G|² beside `angles`: where flat, by its curvature."""
        slope = sine * np.cos(2 * angles) - cosine * np.sin(2 * angles)
        curve = -later * (cosine * np.cos(2 * angles) + sine * np.sin(2 * angles))
        signs = np.where(
            np.abs(slope) <= ISOTROPIC * pulls.scale**2, np.sign(curve), np.sign(slope)
        )
        return np.where(flat, 0.0, signs)

    after, before = slopes(bounds, 1.0), slopes(bounds + widths, -1.0)
    at_bend = (np.roll(before, 1) > 0) & (after < 0)
    angles = np.concatenate([smooth, bounds[at_bend]]) % (2 * math.pi)
    # A maximum that rounding puts inside the arc beside its bend is found twice.
    order = np.sort(angles)
    twice = np.diff(order, append=order[:1] + 2 * math.pi) <= SAME_DIRECTION
    return order[~twice], not (flat & ~dead).any()


def _arcs(pulls: Pulls) -> tuple[Array, Array]:
    """Return the angles at which arcs begin (k,), rising, and M on each (k, q, 2)."""
    psi = np.arctan2(pulls.lines[:, 1], pulls.lines[:, 0])
    if not psi.size:
        return np.zeros(1), pulls.offset[None]
    bounds = np.concatenate([psi - math.pi / 2, psi + math.pi / 2]) % (2 * math.pi)
    steps = pulls.bends[:, :, None] * pulls.lines[:, None, :]
    order = np.argsort(bounds, kind="stable")
    middle = (bounds[order[0]] + bounds[order[-1]] - 2 * math.pi) / 2
    first = pulls.matrix(pulls.lines @ np.array([math.cos(middle), math.sin(middle)]))
    turns = np.concatenate([first[None], np.concatenate([steps, -steps])[order]])
    # The sum visits the whole circle; extended precision keeps its rounding below the tolerances.
    matrices = np.cumsum(turns, axis=0, dtype=np.longdouble)[1:]
    return bounds[order], np.asarray(matrices, dtype=float)


def ascend(pulls: Pulls, starts: Array) -> list[tuple[Way, int]]:
    """Return where ways from `starts` (s, d + q) end, growing, and how many come to each."""
    found: list[tuple[Way, int]] = []
    for theta in starts:
        way = turn(pulls, theta)
        if way is None or way.vanishes:
            raise PathError(Status.STALLED, None, "ascent of a ReLU neuron")
        if way.growth > 0:
            _count(found, way)
    return found


def _count(found: list[tuple[Way, int]], way: Way) -> None:
    """Count `way` with one that ends at the same place, or as a new one."""
    for k, (other, count) in enumerate(found):
        if np.abs(other.direction - way.direction).max() <= SAME_DIRECTION:
            found[k] = (other, count + 1)
            return
    found.append((way, 1))
