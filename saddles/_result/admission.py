"""What every saddle has to satisfy before it becomes part of a path, whichever algorithm found it.

Its numbers are finite, its certificate holds, and the jump to it obeys the laws of training: it
comes later than the one before, changes who is active, and lowers the loss.
"""

from __future__ import annotations

import math

import numpy as np

from saddles._numerics.precision import ULPS
from saddles._result.certificate import CERTIFICATE_TOLERANCE
from saddles._result.path import Saddle
from saddles.status import Breakdown, Status

__all__ = ["admitted"]

#: A rise of the loss this large, relative to the first one, may be rounding.
LOSS_NOISE = ULPS


def admitted(saddle: Saddle, before: list[Saddle]) -> Saddle:
    """Return a saddle with read-only arrays, if it may follow those `before` it.

    Raises
    ------
    Breakdown
        OVERFLOW if a number is not finite, INACCURATE if the certificate does not hold or time
        goes back, STALLED if the jump changes nothing or raises the loss.
    """
    if not _is_finite(saddle):
        raise Breakdown(Status.OVERFLOW, f"jump {saddle.index}")
    if not saddle.certificate.holds(CERTIFICATE_TOLERANCE):
        raise Breakdown(Status.INACCURATE, f"jump {saddle.index}: {saddle.certificate}")
    if before:
        _obey_laws(before[-1], saddle, before[0].loss)
    _freeze(saddle)
    return saddle


def _is_finite(saddle: Saddle) -> bool:
    """Whether every number of a saddle is one."""
    beta = saddle.beta.data if hasattr(saddle.beta, "toarray") else saddle.beta
    if not math.isfinite(saddle.time + saddle.loss):
        return False
    # The first is the faster one, but squares may overflow.
    return math.isfinite(abs(np.vdot(beta, beta))) or bool(np.isfinite(beta).all())


def _obey_laws(before: Saddle, saddle: Saddle, first: float) -> None:
    """Raise unless a jump comes later, lets somebody enter or leave, and lowers the loss.

    A fall may be too small for a float64 of the loss to show; a rise beyond its rounding is wrong.
    Where one unit has several clocks, a jump may change none, and the fall must show.
    """
    broken, status = "", Status.STALLED
    if not saddle.time > before.time:
        status, broken = Status.INACCURATE, f" would come at {saddle.time!r}, after {before.time!r}"
    elif not saddle.entered.size + saddle.left.size and not saddle.loss < before.loss:
        broken = ": no unit enters or leaves"
    elif not saddle.loss <= before.loss + LOSS_NOISE * abs(first):
        broken = f": the loss rises from {before.loss!r} to {saddle.loss!r}"
    if broken:
        raise Breakdown(status, f"jump {saddle.index}{broken}")


def _freeze(saddle: Saddle) -> None:
    """Make its arrays read-only, so that a callback cannot change the path or the algorithm."""
    for array in (saddle.beta, saddle.dual, saddle.active, saddle.entered, saddle.left):
        if isinstance(array, np.ndarray):
            array.setflags(write=False)
