"""Neurons in polar coordinates at rest: whether they are, would leave, or only seem to rest.

The derivative of the pulls of `coordinates` is −E^{−κ/2} H E^{κ/2}, for the Hessian H of
the loss and E = diag |θ_i|, in units of the first pull: ``among`` is its symmetric form.
"""

from __future__ import annotations

import math

import numpy as np

from saddles.flow._polar.coordinates import Polar
from saddles.typing import Array

__all__ = ["creeps", "escapes", "rests"]

#: By how much coordinates, all of them of order one in effect, are moved to both sides for a
#: derivative.
CENTRAL_STEP = 1e-5

#: Distance to a critical point, relative to the largest neuron, at which neurons are not at rest.
AWAY = 1e-3

#: Pull that rounding may leave of neurons which almost cancel.
CANCELLING = 1e-11

#: Share of the fastest rate from which on a rate has been cut, for rounding.
CUT = 0.999


def rests(polar: Polar, state: Array, rtol: float) -> bool:
    """Say whether only neurons that shrink to nothing still have a pull."""
    logs, _ = polar.unpack(state)
    pulls = polar.pulls(state)
    growth, turning = pulls[:, 0], np.linalg.norm(pulls[:, 1:], axis=1)
    parts = polar.network.degree * (logs - polar.scale - polar.natural)
    shrinking = (growth < 0) & (parts < math.log(rtol))
    return bool(((turning <= rtol) & (shrinking | (np.abs(growth) <= rtol))).all())


def escapes(polar: Polar, state: Array, rtol: float) -> Array:
    """Return the rates, in proper time, at which neurons at rest would leave; 0 for others.

    Neurons that are seen are taken all together, and of each of the others, which do not act on
    any, the direction alone. Components that are exactly zero stay so, and do not count.
    """
    logs, directions = polar.unpack(state)
    pulls = polar.pulls(state)
    still = np.linalg.norm(pulls[:, 1:], axis=1) <= rtol
    seen = polar.seen(logs)
    if not (still[seen] & (np.abs(pulls[seen, 0]) <= rtol)).all():
        still &= ~seen
    rates = np.zeros_like(logs)
    if not still.any():
        return rates
    changes = (
        polar.changes(state, pulls, CENTRAL_STEP) + polar.changes(state, pulls, -CENTRAL_STEP)
    ) / 2
    alive = np.hstack([np.ones((len(logs), 1), dtype=bool), directions != 0])
    for i in np.flatnonzero(still & ~seen):
        alive[i, 0] = False
        rates[i] = _largest_rate(changes[i][alive[i]][:, i, alive[i]])
    if (still & seen).any():
        among = _among(polar, logs, changes, seen)
        rates[seen] = _largest_rate(among[alive[seen]][:, alive[seen]])
    return rates


def creeps(polar: Polar, state: Array) -> bool:
    """Say whether neurons whose rates are cut are far from where they would come to rest.

    That is so if norms creep to infinity: along a slow direction, of relaxation rate k, a pull g
    leaves them g/k away from rest, however small both are. Neurons that still grow beside them are
    away from rest for another reason, and have their own pace.
    """
    logs, _ = polar.unpack(state)
    cut = polar.seen(logs) & (polar.rates(state) >= CUT * polar.fastest)
    if not cut.any():
        return False
    pulls = polar.pulls(state)
    changes = (
        polar.changes(state, pulls, CENTRAL_STEP) + polar.changes(state, pulls, -CENTRAL_STEP)
    ) / 2
    among = _among(polar, logs, changes, cut)
    size = pulls[cut].size
    matrix = among.reshape(size, size)
    rates, axes = np.linalg.eigh((matrix + matrix.T) / 2)
    sizes = _sizes(polar, logs[cut])
    left = np.abs(axes.T @ (sizes[:, None] * pulls[cut]).ravel())
    return bool(((left > CANCELLING) & (left > AWAY * np.abs(rates))).any())


def _sizes(polar: Polar, logs: Array) -> Array:
    """Return |θ_i|^{κ/2}, in units of the largest."""
    return np.asarray(np.exp(polar.network.degree * (logs - logs.max()) / 2))


def _among(polar: Polar, logs: Array, changes: Array, those: Array) -> Array:
    """Return the symmetric derivative of the pulls of `those` neurons (H,)."""
    sizes = _sizes(polar, logs[those])
    return np.asarray(changes[those][:, :, those] * (sizes[:, None] / sizes)[:, None, :, None])


def _largest_rate(matrix: Array) -> float:
    """Return the largest eigenvalue of a matrix that is symmetric up to rounding."""
    return float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[-1]) if matrix.size else 0.0
