"""A training run of your own, compared with a predicted staircase.

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
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from saddles import checks
from saddles._compare.comparison import Comparison, compare
from saddles._compare.diagnosis import PYTHON, Words, doubts
from saddles._compare.recorder import beta_names, read_log
from saddles._result.flow import Flow
from saddles._result.path import SaddlePath, point_shape
from saddles._result.run import ROUGHEST, SMALLEST_LOGGED_DROP, Run
from saddles._result.scaled_time import physical_times

__all__ = ["compare_run"]

#: Relative difference of two log α that rounding of α explains.
SAME_SCALE = 1e-9


def compare_run(
    path: SaddlePath,
    log: Any,
    *,
    log_alpha: float,
    learning_rate: float | None = None,
    loss_factor: float = 1.0,
    flow: Flow | Callable[[float], Flow] | None = None,
    names: Sequence[str] | None = None,
    smallest_drop: float = SMALLEST_LOGGED_DROP,
) -> Comparison:
    """Compare your training log with a predicted staircase, and with gradient flow.

    Parameters
    ----------
    path : SaddlePath
        The prediction, for the data that the run was trained on.
    log : Recorder, mapping, data frame, or path of a CSV file
        Columns ``step`` or ``time``, ``loss`` and, if wanted, one per coefficient (row by row for
        a matrix); other columns are ignored. Losses are those before the step. The names that
        Keras, Lightning, TensorBoard and Weights & Biases give these columns are accepted too.
    log_alpha : float
        log α of the run's initialisation, u = α·1 and v = 0 for a diagonal network β = u ⊙ v. (For
        β = u ⊙ u − v ⊙ v from u = v = α·1 clocks run twice as fast: declare twice the learning
        rate.)
    learning_rate : float, optional
        η of plain gradient descent; for heavy-ball momentum μ pass η/(1 − μ). Needed if the log
        counts steps: physical time is η · step. A log with ``time`` has physical times already.
        With momentum, jumps are late: a unit with the rate γ under gradient flow grows at the rate
        r with r (1 + r c η μ/(1 − μ)²) = γ, where c is `loss_factor`.
    loss_factor : float, default=1.0
        Ratio c of your loss to the package's |y − Xβ|²/(2n): 2 for the mean squared error
        (``torch.nn.MSELoss``), n for ½|y − Xβ|², 2n for |y − Xβ|². Losses are divided by c. Times
        are multiplied by c, since the gradient is c times as large.
    flow : Flow or callable, optional
        Gradient flow from the run's initial scale and weights, or a function that takes `log_alpha`
        and returns this flow. Use `saddles.flow.diagonal`, ``matrix``, ``linear`` or ``neurons``,
        as the network is. The run is then compared with the flow too. At a finite scale the jump
        times of a perfect run differ from the limit by O(1/log(1/α)). Its differences from the flow
        are due to the learning rate alone.
    names : sequence of str, optional
        Names of the coefficients' columns; ``beta[0]``, ``beta[1]`` ... by default.
    smallest_drop : float, default=1e-3
        Smallest jump to be found in the log, relative to its whole fall.

    Returns
    -------
    Comparison
        Errors of times and losses per jump, ``plot()`` and ``to_frame()``. Its ``other`` is the
        `Run`: ``other.jumps()`` finds jumps in the log alone. Its ``flow`` compares the flow with
        the path. Its ``flow_errors`` are the errors of the run relative to the flow.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.

    Warns
    -----
    UserWarning
        If the log starts far from the predicted loss of the origin, since `loss_factor` is then
        most likely another, or the run does not start near zero. If all jump times are off by one
        factor, since then the unit of time is most likely wrong.

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
    return compared(
        path,
        log,
        log_alpha=log_alpha,
        learning_rate=learning_rate,
        loss_factor=loss_factor,
        flow=flow,
        names=names,
        smallest_drop=smallest_drop,
    )


def compared(
    path: SaddlePath,
    log: Any,
    *,
    log_alpha: float,
    learning_rate: float | None,
    loss_factor: float,
    flow: Flow | Callable[[float], Flow] | None,
    names: Sequence[str] | None,
    smallest_drop: float = SMALLEST_LOGGED_DROP,
    words: Words = PYTHON,
) -> Comparison:
    """Return what `compare_run` does; its warnings name options in the caller's `words`."""
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
        kind=path.kind,
    )
    _check_noise(run)
    found = replace(compare(path, run), flow=_beside(path, flow, log_alpha))
    samples = None if path.duals is None else path.duals.shape[1]
    every = int(times[1] - times[0]) if clock == "step" else 1
    for doubt in doubts(found, words=words, loss_factor=loss_factor, samples=samples, every=every):
        warnings.warn(doubt, stacklevel=3)
    return found


def _beside(
    path: SaddlePath, flow: Flow | Callable[[float], Flow] | None, log_alpha: float
) -> Comparison | None:
    """Return the comparison of the flow at the run's own scale with the path."""
    if flow is None:
        return None
    found = flow(log_alpha) if callable(flow) else flow
    if not isinstance(found, Flow):
        raise TypeError(
            f"flow={checks.show(flow)} must be a Flow, or a function that takes log_alpha and "
            "returns one; pass saddles.flow.diagonal(X, y, log_alpha=log_alpha), say."
        )
    if not math.isclose(found.log_alpha, log_alpha, rel_tol=SAME_SCALE):
        raise ValueError(
            f"flow has log_alpha={found.log_alpha!r}, and the run log_alpha={log_alpha!r}; pass "
            "the flow from the run's own scale."
        )
    return compare(path, found)


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


def _check_noise(run: Run) -> None:
    """Raise if the log is no descent."""
    if run.noise > ROUGHEST:
        raise ValueError(
            f"the logged loss rises and falls by {run.noise:.2g} of its largest value, so it shows "
            "no staircase; lower the learning rate, log the loss of all samples, or average it."
        )
