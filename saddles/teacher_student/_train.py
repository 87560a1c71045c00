"""Training of a student from start to fit, and what it became."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from saddles import checks, kernel
from saddles._numerics.watch import LOG, OutOfTime, counting, long_work, tick
from saddles._tools.record import Record
from saddles.status import Status
from saddles.teacher_student._descent import State, descent, fraction
from saddles.teacher_student._start import Task, output, student, task
from saddles.typing import Array

__all__ = ["Outcome", "point", "train"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Outcome(Record):
    """What a student became.

    Attributes
    ----------
    scale, delta, seed : float, float, int
        Its start.
    time, steps : float, int
        How long it took.
    train_error, test_error : float
        Mean squared errors, relative to those of predicting zero.
    kernel_distance : float
        Distance of the neural tangent kernels on the training samples at start and end, in [0, 1].
    parameter_distance : float
        Euclidean distance between the weights at start and end.
    hamming_distance : float
        Share of the neurons' activations (on or off, per training sample) that differ between start
        and end. (The paper adds up over neurons: multiply by their number.)
    conservation : float
        Largest change of a neuron's a² − |w|², relative to its a² + |w|²: what the finite steps do
        to the conserved quantity of the flow.
    status : Status
        `Status.FITTED`, or `Status.MAX_STEPS` if the training error is not yet small.
    start, end : State
        First and last state.
    """

    scale: float
    delta: float
    seed: int
    time: float
    steps: int
    train_error: float
    test_error: float
    kernel_distance: float
    parameter_distance: float
    hamming_distance: float
    conservation: float
    status: Status
    start: State = field(repr=False)
    end: State = field(repr=False)


#: What `point` reports, and a sweep keeps.
NUMBERS = (
    "time",
    "steps",
    "train_error",
    "test_error",
    "kernel_distance",
    "parameter_distance",
    "hamming_distance",
    "conservation",
)


@long_work
def train(
    scale: float,
    delta: float,
    seed: int,
    *,
    width: int = 50,
    dimension: int = 10,
    n_train: int = 50,
    n_test: int = 1000,
    teacher_width: int = 3,
    step: float = 0.5,
    tolerance: float = 1e-3,
    max_steps: int = 100_000,
    progress: bool = False,
    time_limit: float | None = None,
) -> Outcome:
    """Train a student and measure how it learnt.

    Parameters
    ----------
    scale, delta : float
        Overall and relative scale of the start; see `student`.
    seed : int
        Of everything that is drawn: one seed is one teacher, one data set and one student, at every
        scale.
    width, dimension, n_train, n_test, teacher_width : int
        Sizes; see `task` and `student`.
    step : float
        Accuracy with which the flow is followed; see `descent`.
    tolerance : float
        Training error, relative to that of predicting zero, at which training ends.
    max_steps : int
        Steps after which it ends in any case.
    progress : bool
        Whether to show a bar of the steps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the outcome so far is returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    Outcome
        Errors and distances at the end, and how well the flow's invariant was kept.

    Raises
    ------
    TypeError, ValueError
        On bad input, if the teacher's output is zero on all training or all test samples, or if the
        scale is so large that f = 0 at the start is lost in rounding.

    Examples
    --------
    >>> from saddles import teacher_student
    >>> rich = teacher_student.train(0.1, 0.0, seed=0)
    >>> lazy = teacher_student.train(2.0, 0.0, seed=0)
    >>> rich.kernel_distance > 10 * lazy.kernel_distance
    True
    """
    tolerance = fraction(tolerance, "tolerance")
    most = checks.whole_number(max_steps, "max_steps", least=1)
    sizes = {"dimension": dimension, "n_train": n_train, "n_test": n_test}
    goal = task(seed, teacher_width=teacher_width, **sizes)
    if not (goal.y.any() and goal.test_y.any()):
        raise ValueError(
            f"seed={seed!r}: the teacher's output is zero on all training samples, or on all "
            "test samples; raise n_train and n_test, or change the seed."
        )
    W, a = student(scale, delta, seed, dimension=dimension, width=width)
    states = descent(goal.X, goal.y, W, a, step=step)
    start = next(states)
    enough = tolerance * float(goal.y @ goal.y) / (2 * len(goal.y))
    if _squared(start.residual - goal.y) > tolerance * _squared(goal.y):
        raise ValueError(
            f"scale={scale!r}: the neurons that cancel at the start are so large that their "
            f"rounding is above tolerance={tolerance!r}; take a smaller scale."
        )
    end, steps, status = _followed(start, states, enough, most)
    return Outcome(
        scale=float(scale),
        delta=float(delta),
        seed=int(seed),
        time=end.time,
        steps=steps,
        **_measured(goal, start, end),
        status=status,
        start=start,
        end=end,
    )


def _followed(
    start: State, states: Iterator[State], enough: float, most: int
) -> tuple[State, int, Status]:
    """Return the state at which training ends, the steps made, and why it ends."""
    end, steps, status = start, 0, Status.MAX_STEPS
    with counting("teacher_student.train", "steps", most) as counted:
        try:
            while end.loss > enough and steps < most:
                tick()
                end, steps = next(states), steps + 1
                counted("")
        except OutOfTime as over:
            status = over.status
    LOG.info("teacher_student.train: %d steps, loss %g", steps, end.loss)
    return end, steps, Status.FITTED if end.loss <= enough else status


def point(scale: float, delta: float, seed: int, **settings: float) -> dict[str, float | str]:
    """Train one student and return its numbers alone: one point of a sweep.

    It can be sent to worker processes; ``functools.partial`` fixes the settings.

    Parameters
    ----------
    scale, delta : float
        As for `train`.
    seed : int
        As for `train`.
    **settings : float
        Keyword arguments of `train`.

    Returns
    -------
    dict of str to float or str
        ``time``, ``steps``, the errors and distances of `Outcome`, and ``status``.

    Raises
    ------
    TypeError, ValueError
        As `train`.

    Examples
    --------
    >>> from saddles import teacher_student
    >>> teacher_student.point(1.0, 0.0, 0, tolerance=1e-2)["status"]
    'fitted'
    """
    outcome = train(scale, delta, seed, **settings)  # type: ignore[arg-type]
    return {**{name: getattr(outcome, name) for name in NUMBERS}, "status": outcome.status.value}


def _measured(goal: Task, start: State, end: State) -> dict[str, float]:
    """Return the errors at the end, and how far it is from the start."""
    errors = goal.test_y - output(goal.test_X, end.W, end.a)
    kernels = (kernel.relu(goal.X, state.W, state.a) for state in (start, end))
    moved = np.abs(_delta(end) - _delta(start))
    return {
        "train_error": _squared(end.residual) / _squared(goal.y),
        "test_error": _squared(errors) / _squared(goal.test_y),
        "kernel_distance": float(kernel.distance(*kernels)),
        "parameter_distance": math.hypot(
            float(np.linalg.norm(end.W - start.W)), float(np.linalg.norm(end.a - start.a))
        ),
        "hamming_distance": float(np.mean((goal.X @ start.W.T > 0) != (goal.X @ end.W.T > 0))),
        "conservation": float(np.max(moved / _size_of(start, end))),
    }


def _squared(vector: Array) -> float:
    return float(vector @ vector)


def _delta(state: State) -> Array:
    return np.asarray(state.a**2 - np.sum(state.W**2, axis=1))


def _size_of(*states: State) -> Array:
    """Return the largest a² + |w|² of each neuron, (h,)."""
    return np.asarray(np.max([state.a**2 + np.sum(state.W**2, axis=1) for state in states], axis=0))
