"""A training run of one's own against a predicted staircase.

Nothing is fitted: the learning rate, the normalisation of the loss and the initial scale are
declared, and give the log its place in the package's units, as a `Run`.

==================  =======================================================================
code name           symbol
==================  =======================================================================
``learning_rate``   η: gradient descent makes the step θ ← θ − η ∇(logged loss)
``loss_factor``     c: the logged loss is c |y − Xβ|²/(2n)
``times``           τ = c η step / log(1/α) for κ = 2, c η step α^(κ−2) for κ > 2
==================  =======================================================================
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from saddles import checks
from saddles._compare.comparison import Comparison, compare
from saddles._compare.recorder import beta_names, read_log
from saddles._result.path import SaddlePath, physical_times, point_shape
from saddles._result.run import ROUGHEST, SMALLEST_LOGGED_DROP, Run

__all__ = ["compare_run"]

#: Relative difference of the first loss from the predicted one that no small scale explains.
START_TOLERANCE = 0.25


def compare_run(
    path: SaddlePath,
    log: Any,
    *,
    log_alpha: float,
    learning_rate: float | None = None,
    loss_factor: float = 1.0,
    names: Sequence[str] | None = None,
    smallest_drop: float = SMALLEST_LOGGED_DROP,
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
