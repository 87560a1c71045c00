"""Which dormant weights blow up, and when: z' = ∇C_m(z), from the weights over α.

What blows up grows like (τ* − τ)^{−1/(m−2)}. The other weights stay finite, unless what blows up
drives them: then they follow as a power of it, and have another power of α than 1 afterwards.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``slope``        ∇C_m(z), shape (p,)
``degree``       m
``delay``        τ*
``kept``         z at τ*, shape (p,): 0 where it blows up, NaN where it is not of size α
===============  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from saddles._numerics.blow_up import growing
from saddles.status import Breakdown, Status
from saddles.typing import Array, Indices, Mask

__all__ = ["Blown", "blow_up"]

#: Growth after which weights that blew up are told from those that stay: both powers of it lie
#: apart from all weights. Growth after which their present pace tells them apart.
FAR, STAYS, GROWS, FARTHEST = 1e6, 0.4, 0.6, 1e14
#: Weights whose logarithm changes by more than this share of that of what blows up follow it.
#: Those that change by nearly the whole share blow up themselves.
FOLLOWS, NEARLY = 0.05, 0.95
#: Dormant weights shrink as long as C_m < 0, towards rest; where it is positive they blow up. Those
#: that have fallen to this share of their size, or move as slowly, do not grow again.
FALLEN, STILL = 1e-3, 1e-7
#: Error of a step of a wait.
RTOL = 1e-9


@dataclass(frozen=True, eq=False)
class Blown:
    """A blow-up: how long it takes, who blows up, along which unit vector, what others keep."""

    delay: float
    units: Indices
    direction: Array
    kept: Array


def blow_up(slope: Callable[[Array], Array], start: Array, degree: int) -> Blown | Status:
    """Return how z' = ∇C_m(z) blows up from `start`, or NO_GROWTH if it does not.

    Raises
    ------
    Breakdown
        NOT_ALIGNED if the size of `start` is not known, or no weights win.
    """
    if np.isnan(start).any():
        raise Breakdown(
            Status.NOT_ALIGNED,
            "dormant weights grew or shrank together with what activated, as a power of it, and "
            "the next wait depends on them",
        )
    unit = float(np.linalg.norm(start))
    begin = start / unit
    pace = float(np.linalg.norm(slope(begin)))
    if not pace:
        return Status.NO_GROWTH

    def velocity(z: Array) -> Array:
        return slope(z) / pace

    falls = False
    for time, z in growing(velocity, begin, degree, rtol=RTOL):
        size, force = float(np.linalg.norm(z)), velocity(z)
        falls = float(z @ force) <= 0
        if falls and (size < FALLEN or np.linalg.norm(force) < STILL * size ** (degree - 1)):
            return Status.NO_GROWTH
        if size > FAR:
            power = _powers(z, force)
            grown = np.abs(z) > size**GROWS
            apart = bool((grown | (np.abs(z) < size**STAYS)).all())
            if size > FARTHEST and not apart:
                grown, apart = power > NEARLY, True
            if apart:
                return _blown(velocity, z, grown, power, degree, (time, unit, pace))
    if falls:
        return Status.NO_GROWTH
    raise Breakdown(Status.NOT_ALIGNED, "no single unit wins among the dormant weights")


def _powers(z: Array, force: Array) -> Array:
    """Return d log z / d log |z|, (p,): 1 for weights that blow up, 0 for those that stay."""
    relative = np.divide(force, z, out=np.zeros(z.shape), where=z != 0)
    return np.asarray(relative * float(z @ z) / float(z @ force))


def _blown(
    velocity: Callable[[Array], Array],
    z: Array,
    grown: Mask,
    power: Array,
    degree: int,
    units: tuple[float, float, float],
) -> Blown:
    """Follow what grew, and what did not, to the blow-up, from a time in `units`."""
    time, unit, pace = units
    large, small = np.where(grown, z, 0.0), np.where(grown, 0.0, z)
    size = float(np.linalg.norm(large))
    direction = large / size
    pull = float(direction @ velocity(direction))
    if not 0 < pull < math.inf:  # other weights at 0 stop them, as in a quotient or a sign
        raise Breakdown(Status.NOT_ALIGNED, "the weights that win do not grow without the others")
    rest = size ** (2 - degree) / ((degree - 2) * pull)
    stays = np.where(np.abs(power) > FOLLOWS, np.nan, z + rest * velocity(small))
    return Blown(
        delay=(time + rest) * unit ** (2 - degree) / pace,
        units=np.flatnonzero(grown),
        direction=direction,
        kept=unit * np.where(grown, 0.0, stays),
    )
