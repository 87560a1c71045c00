"""A training run in the package's units, and the jumps that its log shows.

Jumps are found in the log alone, as `saddles.Flow.jumps` finds them, but at equal steps of the
*loss* instead of time: how a log was sampled does not matter, and noise smaller than a step is not
seen.

==================  =======================================================================
code name           symbol
==================  =======================================================================
``times``           τ, scaled times of the rows
``falling``         the falling curve nearest to the logged losses (isotonic fit)
``pace``            −dL/dτ, averaged over each of equal steps of the loss
==================  =======================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.precision import EPS
from saddles._result.jumps import Jumps, separated_peaks
from saddles._result.scaled_time import physical_times
from saddles._tools.record import Record
from saddles.typing import Array, ArrayLike

__all__ = ["ROUGHEST", "SMALLEST_LOGGED_DROP", "Run"]

#: Two jumps of a log are told apart if the loss falls this much slower between them than in either.
#: Between true jumps the ratio is a power of 1/α; at practical scales it may be as small as this.
LOGGED_RATIO = 4.0

#: Smallest drop that counts as a jump, relative to the whole fall of the log.
SMALLEST_LOGGED_DROP = 1e-3

#: In units of the noise of the log: smaller drops do not count. A plateau spans six of them, and
#: what noise makes of the slope of a jump up to as many again.
TIMES_NOISE = 10.0

#: The log is cut into this number of equal parts; the noise is that of the noisiest part.
PARTS = 10

#: Steps of the loss per smallest drop: the fewest that show a plateau on either side.
STEPS_PER_DROP = 2

#: Noise, relative to the largest loss, above which a log shows no staircase.
ROUGHEST = 0.1


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Run(Record):
    """A training log in the package's units; it can stand where a `Flow` is compared.

    Attributes
    ----------
    times : ndarray of shape (m,)
        Scaled times of its rows.
    losses : ndarray of shape (m,)
        Losses, in the normalisation of the prediction.
    betas : ndarray of shape (m, ...) or None
        Function-space points, if they were logged.
    point_shape : tuple of int
        Shape of such a point.
    log_alpha : float
        Logarithm of the initial scale.
    kappa : int
        Degree of homogeneity.
    smallest_drop : float
        Smallest jump that is looked for, relative to the whole fall of the log.
    kind : {"coefficients", "outputs", "template"}
        What the function-space points consist of.
    """

    times: Array
    losses: Array
    betas: Array | None
    point_shape: tuple[int, ...]
    log_alpha: float
    kappa: int = 2
    smallest_drop: float = SMALLEST_LOGGED_DROP
    kind: str = "coefficients"

    @property
    def algorithm(self) -> str:
        """What it is called in pictures."""
        return "training run"

    @property
    def until(self) -> float:
        """Last scaled time."""
        return float(self.times[-1])

    @cached_property
    def falling(self) -> Array:
        """The falling curve (m,) nearest to the losses: themselves, if they never rise."""
        from scipy.optimize import isotonic_regression

        return np.asarray(isotonic_regression(self.losses, increasing=False).x)

    @property
    def noise(self) -> float:
        """What rises in the log: root mean square where it is worst, over the largest loss."""
        parts = np.array_split((self.losses - self.falling) ** 2, PARTS)
        size = float(np.abs(self.losses).max())
        worst = max(float(part.mean()) for part in parts if part.size)
        return math.sqrt(worst) / size if size else 0.0

    def loss(self, tau: ArrayLike) -> Any:
        """Return the loss of the falling curve at scaled time `tau`: a float, or (q,)."""
        losses = np.interp(checks.times(tau, "tau"), self.times, self.falling)
        return float(losses) if np.ndim(losses) == 0 else losses

    def at(self, tau: ArrayLike) -> Array:
        """Return the function-space point at scaled time `tau`; NaN if none were logged.

        Parameters
        ----------
        tau : float or array_like of shape (q,)
            Scaled times; before the first row and after the last one, those stand.
        """
        taus = checks.times(tau, "tau")
        if self.betas is None:
            return np.full((*taus.shape, *self.point_shape), math.nan)
        flat = self.betas.reshape(len(self.times), -1)
        curves = [np.interp(taus, self.times, curve) for curve in flat.T]
        return np.stack(curves, axis=-1).reshape(*taus.shape, *self.point_shape)

    def physical_times(self, tau: ArrayLike) -> Array:
        """Return scaled times `tau` in the time of the gradient flow θ' = −∇L."""
        return physical_times(tau, log_alpha=self.log_alpha, kappa=self.kappa)

    def crossing_times(self, levels: ArrayLike) -> Array:
        """Return the scaled times (k,) at which the loss falls to each of `levels` (k,).

        NaN where the log starts below the level, or ends above it.
        """
        wanted = np.atleast_1d(checks.numbers(levels, "levels").astype(np.float64))
        curve, times = self.falling, self.times
        row = np.searchsorted(-curve, -wanted, side="left")
        inside = (wanted <= curve[0]) & (row < len(curve))
        after = np.clip(row, 1, len(curve) - 1)
        drop = curve[after - 1] - curve[after]
        share = (curve[after - 1] - wanted) / np.where(drop > 0, drop, 1.0)
        between = times[after - 1] + np.clip(share, 0.0, 1.0) * (times[after] - times[after - 1])
        return np.where(inside, np.where(row == 0, times[0], between), math.nan)

    def jumps(self) -> Jumps:
        """Find the plateaus and jumps in the log alone.

        A jump is a peak of the pace with a plateau on either side, on which the loss falls slower
        by a factor of at least `LOGGED_RATIO`; smaller drops than `smallest_drop`, and than the
        noise explains, do not count.

        Returns
        -------
        Jumps
            Scaled times (J,) at which half of each drop is done, and plateau losses (J + 1,).
        """
        fall = float(self.falling[0] - self.falling[-1])
        noise = self.noise * float(np.abs(self.losses).max())
        least = max(self.smallest_drop * fall, TIMES_NOISE * noise)
        if not fall > least:
            return Jumps(np.empty(0), self.falling[-1:])
        steps = math.ceil(STEPS_PER_DROP * fall / least)
        moments = self.crossing_times(np.linspace(self.falling[0], self.falling[-1], steps + 1))
        moments[-1] = self.until
        pace = 1 / np.maximum(np.diff(moments), EPS * self.until)
        peaks = separated_peaks(np.log(pace), LOGGED_RATIO)
        plateaus = self._plateaus(moments, pace, peaks)
        while peaks.size and (drops := -np.diff(plateaus)).min() < least:
            peaks = np.delete(peaks, int(drops.argmin()))
            plateaus = self._plateaus(moments, pace, peaks)
        return Jumps(self.crossing_times((plateaus[:-1] + plateaus[1:]) / 2), plateaus)

    def _plateaus(self, moments: Array, pace: Array, peaks: Any) -> Array:
        """Return the losses (J + 1,) where the log lingers before, between and after the peaks."""
        edges = [0, *peaks, pace.size - 1]
        slowest = np.array([a + int(pace[a : b + 1].argmin()) for a, b in pairwise(edges)])
        return np.asarray(self.loss((moments[slowest] + moments[slowest + 1]) / 2))
