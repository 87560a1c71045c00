"""The talk's function space of ReLU neurons: norm against direction; align then fit, or fit."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd

from saddles import neuron, teacher_student
from saddles.typing import Array
from tables.table import Check, Table

#: Overall and relative scale of the start, and what the talk says of it ("" if nothing).
CASES = (
    (1e-3, 0.0, "align, then fit"),
    (0.1, 0.0, ""),
    (2.0, 0.0, "fit"),
    (0.1, 1.0, ""),
    (0.1, -1.0, "fit"),
)
SEEDS = range(6)
DIMENSION, SAMPLES = 2, 20
#: The plateau ends when the loss has fallen by a tenth; training, when a fiftieth is left.
PLATEAU, END = 0.9, 0.02
STEP, MOST = 0.1, 100_000
#: Relative change of a neuron over which its speed is measured, and what that leaves as an error.
CHANGE, MEASURED = 1e-6, 1e-5
#: Neurons that turn by less do not learn features; those that turn more than this share of their
#: way on the plateau align before they fit.
STILL, SHARE = 5.0, 0.5


@dataclass(frozen=True)
class Run:
    """One training run: medians over neurons at the start, and how far they turn, in degrees."""

    norm_speed: float
    direction_speed: float
    gap: float
    turn: float
    plateau_turn: float


def build() -> Table:
    """Return the table."""
    rows, gaps, wrong = [], [], 0
    for scale, delta, expected in CASES:
        runs = [_run(scale, delta, seed) for seed in SEEDS]
        turn, early = (np.array([getattr(r, k) for r in runs]) for k in ("turn", "plateau_turn"))
        word = _word(float(turn.mean()), float(early.mean()))
        wrong += expected not in ("", word)
        gaps += [run.gap for run in runs]
        rows.append(
            {
                "scale": scale,
                "delta": delta,
                "d|beta|/dt": _mean([run.norm_speed for run in runs]),
                "|d direction/dt|": _mean([run.direction_speed for run in runs]),
                "turn on the plateau": _mean(early),
                "± plateau": _error(early),
                "turn in all": _mean(turn),
                "± all": _error(turn),
                "training": word,
            }
        )
    return Table(
        name="function_space",
        title="Norm and direction of ReLU neurons",
        text=(
            "Do ReLU neurons align, then fit? 50 student neurons beta = a w learn 3 teacher "
            "neurons from 20 samples on the unit circle, from f = 0. Columns 3 and 4: speeds of "
            "a neuron's norm and direction at the start, medians over neurons, by the formulas "
            "of the single neuron with the gradient from its active samples. Then the angle by "
            "which neurons turn, in degrees, weighted by their final norm: before the loss has "
            "fallen by a tenth, and in all. Means over 6 seeds, with standard errors (±).\n\n"
            "A small balanced start has slow norms and fast directions: it aligns, then fits. A "
            "large start, or a downstream one, has fast norms and slow directions: it fits. An "
            "upstream start has both fast: it turns while it fits."
        ),
        frame=pd.DataFrame(rows),
        checks=(
            Check("speeds by formula against one small step", max(gaps), MEASURED),
            Check("cases that train otherwise than the talk says", wrong, 0),
        ),
    )


def _run(scale: float, delta: float, seed: int) -> Run:
    goal = teacher_student.task(seed, dimension=DIMENSION, n_train=SAMPLES)
    W, a = teacher_student.student(scale, delta, seed, dimension=DIMENSION)
    predicted = _predicted(goal.X, goal.y, W, a)
    rate = float(np.max(predicted / np.column_stack([_norms(W, a), np.ones(len(a))])))
    measured = _measured(goal, W, a, rate)
    # Per neuron, relative to the largest of its kind: some neurons see no sample and stand still.
    gap = float((np.abs(measured - predicted) / predicted.max(axis=0)).max())
    turn, early, weights = _turns(goal, W, a)
    norm_speed, direction_speed = np.median(predicted, axis=0)
    return Run(
        norm_speed=float(norm_speed),
        direction_speed=float(direction_speed),
        gap=gap,
        turn=float(weights @ turn),
        plateau_turn=float(weights @ early),
    )


def _predicted(X: Array, y: Array, W: Array, a: Array) -> Array:
    """Return |d|beta|/dt| and |d direction/dt| of each neuron at f = 0, (h, 2)."""
    pull = (X.T @ ((X @ W.T > 0) * y[:, None])).T / len(y)
    rows = []
    for weights, output, slope in zip(W, a, pull, strict=True):
        delta = neuron.conserved(output, weights)
        speeds = neuron.speeds(output * weights, delta, -slope)
        rows.append((abs(speeds.radial), np.linalg.norm(speeds.directional)))
    return np.array(rows)


def _measured(goal: teacher_student.Task, W: Array, a: Array, rate: float) -> Array:
    """Return the same from one step, in which nothing changes by more than `CHANGE`."""
    step = 1e-3
    _, second = islice(teacher_student.descent(goal.X, goal.y, W, a, step=step), 2)
    step *= min(1.0, CHANGE / (rate * second.time))
    first, second = islice(teacher_student.descent(goal.X, goal.y, W, a, step=step), 2)
    norm = np.abs(_norms(second.W, second.a) - _norms(first.W, first.a)) / second.time
    turn = np.linalg.norm(_directions(second.W) - _directions(first.W), axis=1) / second.time
    return np.column_stack([norm, turn])


def _turns(goal: teacher_student.Task, W: Array, a: Array) -> tuple[Array, Array, Array]:
    """Return how far each neuron turns (h,), in all and on the plateau, and its final weight."""
    turned = np.zeros(len(a))
    early = None
    first = 0.0
    last = _directions(W)
    for state in islice(teacher_student.descent(goal.X, goal.y, W, a, step=STEP), MOST):
        first = first or state.loss
        now = _directions(state.W)
        turned += np.degrees(2 * np.arcsin(np.linalg.norm(now - last, axis=1) / 2))
        last = now
        if early is None and state.loss < PLATEAU * first:
            early = turned.copy()
        if state.loss < END * first:
            break
    else:
        raise RuntimeError(f"not trained after {MOST} steps")
    weights = _norms(state.W, state.a)
    return turned, turned if early is None else early, weights / weights.sum()


def _norms(W: Array, a: Array) -> Array:
    return np.asarray(np.abs(a) * np.linalg.norm(W, axis=1))


def _directions(W: Array) -> Array:
    return np.asarray(W / np.linalg.norm(W, axis=1, keepdims=True))


def _word(turn: float, early: float) -> str:
    if turn < STILL:
        return "fit"
    return "align, then fit" if early > SHARE * turn else "turn while fitting"


def _mean(values: Array | list[float]) -> float:
    return float(f"{np.mean(values):.3g}")


def _error(values: Array) -> float:
    return float(f"{np.std(values, ddof=1) / np.sqrt(len(values)):.2g}")
