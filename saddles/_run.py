"""A training run of one's own against a predicted staircase.

Nothing is fitted: the learning rate, the normalisation of the loss and the initial scale are
declared, and give the log its place in the package's units. Jumps are found in the log alone, as
`saddles.Flow.jumps` finds them, but at equal steps of the *loss* instead of time: how a log was
sampled does not matter, and noise smaller than a step is not seen.

==================  =======================================================================
code name           symbol
==================  =======================================================================
``learning_rate``   η: gradient descent makes the step θ ← θ − η ∇(logged loss)
``loss_factor``     c: the logged loss is c |y − Xβ|²/(2n)
``times``           τ = c η step / log(1/α) for κ = 2, c η step α^(κ−2) for κ > 2
``falling``         the falling curve nearest to the logged losses over c (isotonic fit)
``pace``            −dL/dτ, averaged over each of equal steps of the loss
==================  =======================================================================
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from saddles import checks
from saddles._compare import Comparison, compare, point_shape
from saddles._recorder import beta_names, read_log
from saddles.flow.result import Jumps, separated_peaks
from saddles.path import SaddlePath, physical_times
from saddles.typing import Array, ArrayLike

__all__ = ["Run", "compare_run"]

#: Two jumps of a log are told apart if the loss falls this much slower between them than in either.
#: Between true jumps the ratio is a power of 1/α; at practical scales it may be as small as this.
PLATEAU_RATIO = 4.0

#: Smallest drop that counts as a jump, relative to the whole fall of the log.
SMALLEST_DROP = 1e-3

#: In units of the noise of the log: smaller drops do not count. A plateau spans six of them, and
#: what noise makes of the slope of a jump up to as many again.
NOISE = 10.0

#: Noise is taken where it is largest among so many equal parts of the log.
PARTS = 10

#: Steps of the loss per smallest drop: the fewest that show a plateau on either side.
STEPS_PER_DROP = 2

#: Noise, relative to the largest loss, above which a log shows no staircase.
ROUGHEST = 0.1

#: Relative difference of the first loss from the predicted one that no small scale explains.
START_TOLERANCE = 0.25


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
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
    """

    times: Array
    losses: Array
    betas: Array | None
    point_shape: tuple[int, ...]
    log_alpha: float
    kappa: int = 2
    smallest_drop: float = SMALLEST_DROP

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
        wanted = np.atleast_1d(np.asarray(levels, dtype=float))
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
        by a factor of at least `PLATEAU_RATIO`; smaller drops than `smallest_drop`, and than the
        noise explains, do not count.

        Returns
        -------
        Jumps
            Scaled times (J,) at which half of each drop is done, and plateau losses (J + 1,).
        """
        fall = float(self.falling[0] - self.falling[-1])
        noise = self.noise * float(np.abs(self.losses).max())
        least = max(self.smallest_drop * fall, NOISE * noise)
        if not fall > least:
            return Jumps(np.empty(0), self.falling[-1:])
        steps = math.ceil(STEPS_PER_DROP * fall / least)
        moments = self.crossing_times(np.linspace(self.falling[0], self.falling[-1], steps + 1))
        moments[-1] = self.until
        pace = 1 / np.maximum(np.diff(moments), np.finfo(float).eps * self.until)
        peaks = separated_peaks(np.log(pace), PLATEAU_RATIO)
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


def compare_run(
    path: SaddlePath,
    log: Any,
    *,
    log_alpha: float,
    learning_rate: float | None = None,
    loss_factor: float = 1.0,
    names: Sequence[str] | None = None,
    smallest_drop: float = SMALLEST_DROP,
) -> Comparison:
    """Compare a training log of one's own with a predicted staircase.

    Parameters
    ----------
    path : SaddlePath
        The prediction, for the data that the run was trained on.
    log : Recorder, mapping, data frame, or path of a CSV file
        Columns ``step`` or ``time``, ``loss`` and, if wanted, one per coefficient (row by row for
        a matrix); others are left alone. Losses are those before the step.
    log_alpha : float
        log α of the run's initialisation, u = α·1 and v = 0 for a diagonal network β = u ⊙ v. (For
        β = u ⊙ u − v ⊙ v from u = v = α·1 clocks run twice as fast: declare twice the learning
        rate.)
    learning_rate : float, optional
        η of plain gradient descent; of heavy-ball momentum μ, η/(1 − μ). Needed if the log counts
        steps; physical time is η · step. A log with ``time`` has physical times already.
    loss_factor : float, default=1.0
        The loss that was trained and logged is so many times the package's |y − Xβ|²/(2n): 2 for
        the mean squared error (``torch.nn.MSELoss``), n for ½|y − Xβ|², 2n for |y − Xβ|². Losses
        are divided and times multiplied by it, as its gradient is so many times steeper.
    names : sequence of str, optional
        Names of the coefficients' columns; ``beta[0]``, ``beta[1]`` ... by default.
    smallest_drop : float, default=1e-3
        Smallest jump to be found in the log, relative to its whole fall.

    Returns
    -------
    Comparison
        Time and level errors per jump, ``plot()`` and ``to_frame()``; its ``other`` is the `Run`,
        whose ``jumps()`` are those found in the log alone. Measured times are off by O(1/log(1/α))
        even in a perfect run: ``saddles.flow`` gives the flow at that very α.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.

    Warns
    -----
    UserWarning
        If the log starts far from the predicted loss of the origin: most likely `loss_factor` is
        not what it was, or the run does not start near zero.

    Examples
    --------
    >>> import numpy as np, saddles
    >>> path = saddles.pesme_flammarion([[2.0, 0.0], [0.0, 1.0]], [1.0, 1.0])
    >>> step = np.arange(0, 10000, 100)
    >>> loss = np.where(step < 3000, 0.5, np.where(step < 6100, 0.25, 0.0))
    >>> log = {"step": step, "loss": 2 * loss}
    >>> run = saddles.compare_run(path, log, log_alpha=-30, learning_rate=0.005, loss_factor=2)
    >>> run.measured.round(2).tolist(), run.other.jumps().losses.tolist()
    ([0.98, 2.02], [0.5, 0.25, 0.0])
    """
    if not isinstance(path, SaddlePath):
        raise TypeError(f"path={checks.show(path)} must be a SaddlePath.")
    log_alpha = checks.log_scale(log_alpha, allow_limit=False)
    loss_factor = _positive(loss_factor, "loss_factor")
    rule = "it must lie between 0 and 1; 1e-3 is a thousandth of the whole fall"
    smallest_drop = checks.real_number(smallest_drop, "smallest_drop", rule, lambda v: 0 < v < 1)
    shape = point_shape(path)
    clock, times, losses, betas = read_log(log, _names(names, math.prod(shape)))
    seconds = times * loss_factor * _rate(learning_rate, clock)
    unit = float(physical_times(1.0, log_alpha=log_alpha, kappa=path.kappa))
    run = Run(
        times=seconds / unit,
        losses=losses / loss_factor,
        betas=None if betas is None else betas.reshape(len(times), *shape),
        point_shape=shape,
        log_alpha=log_alpha,
        kappa=path.kappa,
        smallest_drop=smallest_drop,
    )
    _check_losses(path, run)
    return compare(path, run)


def _names(names: Sequence[str] | None, count: int) -> list[str]:
    if names is None:
        return beta_names(count)
    if isinstance(names, str) or len(names) != count:
        raise ValueError(
            f"names={checks.show(names)} must hold a name for each of the {count} coefficients."
        )
    return list(names)


def _positive(value: Any, name: str) -> float:
    rule = "it must be above 0 and finite"
    return checks.real_number(value, name, rule, lambda v: 0 < v < math.inf)


def _rate(learning_rate: Any, clock: str) -> float:
    """Return the physical time of one unit of the log's clock."""
    if clock == "time":
        if learning_rate is not None:
            raise ValueError(
                f"learning_rate={learning_rate!r}: the log has physical times, which need none; "
                "leave it out, or log steps."
            )
        return 1.0
    if learning_rate is None:
        raise ValueError("learning_rate=None: the log counts steps; declare its learning rate.")
    return _positive(learning_rate, "learning_rate")


def _check_losses(path: SaddlePath, run: Run) -> None:
    """Raise if the log is no descent; warn if it does not start where the prediction does."""
    if run.noise > ROUGHEST:
        raise ValueError(
            f"the logged loss rises and falls by {run.noise:.2g} of its largest value, so it shows "
            "no staircase; lower the learning rate, log the loss of all samples, or average it."
        )
    start, expected = float(run.falling[0]), float(path.losses[0])
    if abs(start - expected) > START_TOLERANCE * expected:
        warnings.warn(
            f"the log starts at a loss of {start:.6g} (over loss_factor), and the prediction at "
            f"{expected:.6g}: is loss_factor right, and does training start near zero on these "
            "data?",
            stacklevel=3,
        )
