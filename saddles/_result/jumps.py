"""Jumps of a flow, found from its trajectory alone, without any prediction.

==================  ===================================================================
code name           symbol
==================  ===================================================================
``height``          log(−dL/dτ) on a grid, cut off below, (g,)
``losses``          L on the grid (g,), or on plateaus (J + 1,)
``peaks``           places of jumps on the grid, (J,)
==================  ===================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from saddles._numerics.precision import ULPS
from saddles._result.trajectory import Stretched
from saddles._tools.record import Record
from saddles.typing import Array

__all__ = ["Jumps", "Search", "separated_peaks"]

#: Two jumps are told apart if, somewhere between them, the loss falls this much slower than in
#: either. Between true jumps the ratio is exponentially large in log(1/α), and within one jump
#: (a unit enters, another leaves) it stays of order one, so any fixed ratio serves small α.
PLATEAU_RATIO = 1e3

#: Smallest jump, relative to the whole fall of the loss. On a plateau the loss is stationary in the
#: active units, so that their errors of about 1e-8 enter squared; rounding is of this order too.
SMALLEST_DROP = 1e-12

#: Points per integrator step at which jumps are looked for. A step is short against whatever it
#: resolves, so that the extrema of the slope are at least three steps wide.
POINTS_PER_STEP = 3


@dataclass(frozen=True, eq=False, repr=False)
class Jumps(Record):
    """Jumps of a flow, found without any prediction.

    Attributes
    ----------
    times : ndarray of shape (J,)
        Scaled times at which half of each drop of the loss is done.
    losses : ndarray of shape (J + 1,)
        Loss on the plateaus before, between and after the jumps.
    """

    times: Array
    losses: Array

    def __len__(self) -> int:
        """Return the number of jumps J."""
        return len(self.times)


@dataclass(frozen=True, eq=False)
class Search:
    """The search for the jumps of a curve.

    Attributes
    ----------
    along : Stretched
        The curve, over the parameter in which its jumps are resolved.
    steps : ndarray of shape (m,)
        Losses at its knots, falling.
    until : float
        Its last scaled time.
    """

    along: Stretched
    steps: Array
    until: float

    def plateaus(self) -> Array:
        """Return the losses (J + 1,) before, between and after the jumps."""
        grid = self._grid()
        along = self.along.losses_at(grid)
        height, formula = self._slopes(grid, along)
        peaks = separated_peaks(height, PLATEAU_RATIO, formula)
        losses = self._loss_between(along, height, peaks)
        first, last = self.steps[[0, -1]]
        # A drop by a few ulp of the first loss is rounding, even if it is all that there is.
        least = max(SMALLEST_DROP * (first - last), ULPS * first)
        while (small := -np.diff(losses) <= self._noise(peaks, along, least)).any():
            peaks = peaks[~small]
            losses = self._loss_between(along, height, peaks)
        return losses

    def _grid(self) -> Array:
        """Return the points (g,) along the curve at which jumps are looked for."""
        knots = self.along.knots
        fractions = np.arange(POINTS_PER_STEP) / POINTS_PER_STEP
        inner = knots[:-1, None] + np.diff(knots)[:, None] * fractions
        return np.append(inner.ravel(), knots[-1])

    def _slopes(self, grid: Array, losses: Array) -> tuple[Array, Array]:
        """Return log(−dL/dτ) on the grid (g,), cut off below where no jump can be, and its formula.

        Where coefficients are large and cancel, the formula adds up the squares of rounding errors,
        which the loss does not feel: so a peak is no higher than what the loss falls by beside it.
        """
        fall = self.steps[0] - self.steps[-1]
        # A slope below this makes no jump even if it lasts from the start to the end.
        least = max(SMALLEST_DROP / PLATEAU_RATIO * fall / self.until, np.finfo(float).tiny)
        falls = ULPS * losses[0] - np.diff(np.minimum.accumulate(losses))
        with np.errstate(divide="ignore", invalid="ignore"):
            seen = np.fmax(falls / np.diff(self.along.times_at(grid)), least)
        beside = np.maximum(np.append(seen[:1], seen), np.append(seen, seen[-1:]))
        formula = np.maximum(self.along.log_slopes_at(grid), math.log(least))
        return np.minimum(formula, np.log(beside)), formula

    def _loss_between(self, losses: Array, height: Array, peaks: Any) -> Array:
        """Return the loss (J + 1,) where it falls slowest before, between and after the peaks."""
        if peaks.size == 0:
            return losses[:1]
        edges = [*peaks, height.size - 1]
        slowest = [a + int(height[a : b + 1].argmin()) for a, b in pairwise(edges)]
        return np.asarray(np.append(losses[0], losses[slowest]))

    def _noise(self, peaks: Any, losses: Array, least: float) -> Array:
        """Return what the loss can seem to fall by (J,): `least`, or as much as it rises nearby.

        `losses` (g,) are those of the grid, from the peak before to the one after.
        """
        ends = [0, *peaks, losses.size - 1]
        rises = [_largest_rise(losses[a : b + 1]) for a, b in zip(ends, ends[2:], strict=False)]
        return np.asarray(np.maximum(np.array(rises, dtype=float), least))


def _largest_rise(losses: Array) -> float:
    """Return by how much the losses (k,) rise at most above one that came before."""
    return float((losses - np.minimum.accumulate(losses)).max(initial=0.0))


def separated_peaks(height: Array, ratio: float, dips: Array | None = None) -> Any:
    """Return the indices of the peaks of exp(`height`) that stand out by `ratio` on either side.

    The start counts as the foot of a slope: at a large initial scale the loss falls fastest there.
    Between two peaks exp(`dips`), which is not below exp(`height`), has to be as low.
    """
    from scipy.signal import find_peaks

    padded = np.concatenate([[height.min()], height])
    peaks, _ = find_peaks(padded, prominence=math.log(ratio))
    between = padded if dips is None else np.concatenate([[height.min()], dips])
    kept: list[int] = []
    # Of peaks that are equally high, to rounding, find_peaks compares neither with the other.
    for peak in peaks.tolist():
        foot = padded[[*kept[-1:], peak]].min() - math.log(ratio)
        if kept and between[kept[-1] : peak].min() > foot:
            kept[-1] = max(kept[-1], peak, key=padded.__getitem__)
        else:
            kept.append(peak)
    return np.array(kept, dtype=int) - 1
