"""What a comparison suggests was declared wrongly: the loss, or a factor of all times.

Both are guesses, said as such, and change no number. A first loss that is off by the ratio of two
usual losses is most likely one of them. If every jump is off by one factor, the unit of time is
most likely wrong, and not the prediction.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``factor``       c of a loss c |r|²/(2n), or the common ratio of measured to expected times
===============  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np

from saddles._compare.comparison import Comparison
from saddles._result.points import dense
from saddles._result.run import Run

__all__ = ["LOSSES", "PYTHON", "Words", "doubts"]

#: Name of a loss -> what it is over |r|²/(2n), for n samples.
LOSSES: dict[str, Callable[[int], float]] = {
    "half-mean": lambda n: 1.0,
    "mean": lambda n: 2.0,
    "half-sum": lambda n: float(n),
    "sum": lambda n: 2.0 * n,
}

#: Relative difference of the first loss from the predicted one that no small scale explains.
START_TOLERANCE = 0.25

#: The first loss is another usual one if it is off by that one's factor to within this.
SAME_LOSS = 0.05

#: Beside the flow at the run's own scale, times agree to a learning rate's few per cent. They have
#: a common factor if it is farther from 1 than `OFF`, and if they scatter around it by less than
#: `SCATTER`, relatively.
OFF, SCATTER = 0.1, 0.05

#: Beside the limit, jump times are off by a few 1/log(1/α), which differ from jump to jump, and by
#: log(2|β|)/2 of them for a coefficient β: it must outgrow α² by so much more, or less.
OFF_LIMIT, SCATTER_LIMIT = 5.0, 2.0


@dataclass(frozen=True)
class Words:
    """How a caller names what it was told.

    Attributes
    ----------
    rate, loss : str
        The options for the learning rate and the loss.
    another : callable
        (name of a loss, its factor) -> the option that declares it.
    """

    rate: str
    loss: str
    another: Callable[[str, float], str]


PYTHON = Words(
    "learning_rate", "loss_factor", lambda name, factor: f"loss_factor={factor:g}, the {name} loss"
)


def doubts(
    comparison: Comparison,
    *,
    words: Words,
    loss_factor: float,
    samples: int | None,
    every: int = 1,
) -> Iterator[str]:
    """Yield a sentence for what was most likely declared wrongly.

    Parameters
    ----------
    comparison : Comparison
        Of a run.
    words : Words
        How the caller's options are named.
    loss_factor : float
        The factor c that was declared.
    samples : int or None
        Number n of samples, if known.
    every : int
        Spacing of the steps that were kept.
    """
    path, run = comparison.path, cast(Run, comparison.other)
    start, expected = float(run.falling[0]), float(path.losses[0])
    if abs(start - expected) > START_TOLERANCE * expected:
        yield (
            f"the log starts at a loss of {start:.6g} (as {words.loss} has it), and the prediction "
            f"at {expected:.6g}: {_loss_meant(start / expected, words, loss_factor, samples)}"
        )
        return
    factor = common_factor(comparison)
    if factor is not None:
        yield _time_meant(factor, comparison, words, every)


def common_factor(comparison: Comparison) -> float | None:
    """Return the factor by which all jump times of a run are off, or None.

    The times are those of the flow at the run's own scale, if known; beside the limit, the factor
    must exceed what the scale explains.
    """
    expected, off, scatter = comparison.predicted, OFF, SCATTER
    if comparison.flow is not None:
        expected = comparison.flow.measured
    else:
        size = float(np.abs(dense(comparison.path.betas)).max()) or 1.0
        unit = -1 / comparison.other.log_alpha
        off, scatter = unit * (OFF_LIMIT + abs(math.log(2 * size)) / 2), unit * SCATTER_LIMIT
    ratios = comparison.measured / expected
    logs = np.log(ratios[np.isfinite(ratios) & (ratios > 0)])
    if not logs.size:
        return None
    middle = float(np.median(logs))
    same = float(np.abs(logs - middle).max()) <= scatter
    factor = math.exp(middle)
    return factor if same and abs(factor - 1) > off else None


def _loss_meant(ratio: float, words: Words, declared: float, samples: int | None) -> str:
    """Return the question what loss it is, given what the first one is over the expected one."""
    for name, factor_of in LOSSES.items():
        if samples is None and name.endswith("sum"):
            continue
        factor = factor_of(samples or 1)
        if abs(ratio * declared / factor - 1) < SAME_LOSS:
            return f"did you mean {words.another(name, factor)}?"
    return f"is {words.loss} right, and does training start near zero on these data?"


def _time_meant(factor: float, comparison: Comparison, words: Words, every: int) -> str:
    """Return what makes a common factor of all times."""
    seen = int(np.isfinite(comparison.measured).sum())
    which = "the one jump that was reached comes" if seen == 1 else f"all {seen} jumps come"
    beside = "predicted time" if comparison.flow is None else "flow's time"
    text = (
        f"{which} at {factor:.3g} times the {beside}, so the unit of time is most likely wrong. "
        f"Check {words.rate} (twice as large for u*u - v*v; over 1 - mu for momentum, which is "
        f"later still), {words.loss} (what was trained, not only what was logged) and the count "
        "of steps (record counts its calls)"
    )
    if every > 1 and abs(factor * every - 1) < SAME_LOSS:
        return (
            f"{text}: a Recorder(every={every}) that is called only every {every}th step counts a "
            f"{every}th of them. Call it at each step, or tell it step=."
        )
    return f"{text}."
