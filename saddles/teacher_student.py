"""Teacher and student: when a two-layer ReLU network learns features, and when it is lazy.

The experiment of Chizat, Oyallon and Bach (2019, arXiv:1812.07956), with the overall and the
relative scale of the start set independently, as in Kunin et al., "Get rich quick" (NeurIPS 2024,
arXiv:2406.06158), section 1: a wide student f(x) = Σ_i a_i relu(w_i·x) learns a narrow teacher of
the same form, whose directions are random unit vectors and whose output weights are ±1, from
samples on the unit sphere. Every neuron of the student starts with

    |a_i| |w_i| = scale²,    a_i² − |w_i|² = delta,

in pairs (a, w), (−a, w), so that f = 0. The flow conserves delta: upstream starts (delta > 0)
have |w| ≪ |a|, and downstream ones (delta < 0) |w| ≫ |a|.

=================  ============================================================================
code name          symbol
=================  ============================================================================
``W``, ``a``       weights of the student, (h, d) and (h,)
``pull``           n d_i, d_i = (1/n) Σ_k 1[w_i·x_k > 0] r_k x_k: w_i' = a_i d_i, a_i' = w_i·d_i
``curvature``      n λ, λ = tr(K)/n + max_i |d_i| no less than the norm of the loss's Hessian
``step``           η λ, η the step of the descent
=================  ============================================================================

Loss and time are those of the package: L = |y − f(X)|²/(2n), θ' = −∇L.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from saddles import checks, kernel
from saddles.neuron._formulas import squares
from saddles.status import Status
from saddles.typing import Array, ArrayLike

__all__ = ["Outcome", "State", "Task", "descent", "point", "student", "task", "train"]

#: Scales whose fourth powers a float64 holds.
SMALLEST, LARGEST = 1e-70, 1e70

#: Streams of random numbers of one seed, so that the size of one part does not change another.
TEACHER, TRAIN, TEST, STUDENT = range(4)


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What is to be learnt.

    Attributes
    ----------
    X, y : ndarray of shape (n, d) and (n,)
        Training samples on the unit sphere, and what the teacher says.
    test_X, test_y : ndarray of shape (m, d) and (m,)
        Samples to test on.
    W, a : ndarray of shape (k, d) and (k,)
        The teacher: unit vectors and ±1.
    """

    X: Array = field(repr=False)
    y: Array = field(repr=False)
    test_X: Array = field(repr=False)
    test_y: Array = field(repr=False)
    W: Array
    a: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """The student at one moment of its training.

    Attributes
    ----------
    time : float
        Time of the flow: the sum of the steps so far.
    W, a : ndarray of shape (h, d) and (h,)
        Weights.
    residual : ndarray of shape (n,)
        y − f(X).
    """

    time: float
    W: Array
    a: Array
    residual: Array

    @property
    def loss(self) -> float:
        """Mean loss |residual|²/(2n)."""
        return float(self.residual @ self.residual) / (2 * len(self.residual))


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
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


def task(
    seed: int,
    *,
    dimension: int = 10,
    n_train: int = 50,
    n_test: int = 1000,
    teacher_width: int = 3,
) -> Task:
    """Draw a teacher and its samples.

    Parameters
    ----------
    seed : int
        Of teacher, training and test samples, each from a stream of its own.
    dimension, n_train, n_test, teacher_width : int
        Sizes d, n, m and k.

    Returns
    -------
    Task

    Raises
    ------
    TypeError, ValueError
        On bad sizes or seed.

    Examples
    --------
    >>> from saddles import teacher_student
    >>> teacher_student.task(0).X.shape
    (50, 10)
    """
    d, n, m, k = (
        _size(value, name)
        for value, name in (
            (dimension, "dimension"),
            (n_train, "n_train"),
            (n_test, "n_test"),
            (teacher_width, "teacher_width"),
        )
    )
    draw = _stream(seed, TEACHER)
    W, a = _on_sphere(draw, k, d), np.where(draw.random(k) < 0.5, -1.0, 1.0)
    X, Z = _on_sphere(_stream(seed, TRAIN), n, d), _on_sphere(_stream(seed, TEST), m, d)
    return Task(X=X, y=_output(X, W, a), test_X=Z, test_y=_output(Z, W, a), W=W, a=a)


def student(
    scale: float, delta: float, seed: int, *, dimension: int = 10, width: int = 50
) -> tuple[Array, Array]:
    """Draw the weights of a student that computes zero.

    Parameters
    ----------
    scale : float
        Overall scale: |a_i| |w_i| = scale² for every neuron.
    delta : float
        Relative scale: a_i² − |w_i|² = delta for every neuron.
    seed : int
        Of the directions and signs; they do not depend on `scale` and `delta`.
    dimension, width : int
        Sizes d and h; the width is even.

    Returns
    -------
    W : ndarray of shape (h, d)
        The second half repeats the first.
    a : ndarray of shape (h,)
        The second half is the negative of the first.

    Raises
    ------
    TypeError, ValueError
        On bad input, or an odd width.

    Examples
    --------
    >>> from saddles import teacher_student
    >>> W, a = teacher_student.student(0.1, 1.0, 0)
    >>> float(a[0] ** 2 - W[0] @ W[0]).__round__(12)
    1.0
    """
    rule = f"the scale must be from {SMALLEST:g} to {LARGEST:g}"
    scale = checks.real_number(scale, "scale", rule, lambda value: SMALLEST <= value <= LARGEST)
    delta = checks.finite_number(delta, "delta")
    d, h = _size(dimension, "dimension"), _size(width, "width")
    if h % 2:
        raise ValueError(f"width={h!r} must be even: neurons come in pairs that cancel.")
    outer, inner = (math.sqrt(square) for square in squares(scale**2, delta))
    draw = _stream(seed, STUDENT)
    W = inner * _on_sphere(draw, h // 2, d)
    a = outer * np.where(draw.random(h // 2) < 0.5, -1.0, 1.0)
    return np.vstack([W, W]), np.append(a, -a)


def descent(
    X: ArrayLike, y: ArrayLike, W: ArrayLike, a: ArrayLike, *, step: float = 0.5
) -> Iterator[State]:
    """Follow the gradient flow of a two-layer ReLU network by small full-batch steps.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Samples.
    y : array_like of shape (n,)
        Targets.
    W, a : array_like of shape (h, d) and (h,)
        Weights to start from.
    step : float
        Step of the descent times a bound on the curvature of the loss where it is taken; the flow
        is the limit of small steps, and beyond 1 the loss may rise.

    Yields
    ------
    State
        The start, then the state after each step; without end.

    Raises
    ------
    TypeError, ValueError
        On bad input, before the first state.

    Examples
    --------
    >>> from itertools import islice
    >>> from saddles import teacher_student
    >>> states = teacher_student.descent([[1.0]], [1.0], [[1.0]], [0.1])
    >>> [round(state.loss, 3) for state in islice(states, 0, 9, 4)]
    [0.405, 0.01, 0.0]
    """
    samples, targets = checks.real_array(X, "X", 2), checks.real_array(y, "y", 1)
    checks.same_length(samples, "X", targets, "y")
    first, second = checks.real_array(W, "W", 2), checks.real_array(a, "a", 1)
    checks.same_length(first, "W", second, "a")
    if first.shape[1] != samples.shape[1]:
        raise ValueError(
            f"X has shape {samples.shape} and W has shape {first.shape}; W must have one column "
            "per column of X."
        )
    return _descent(samples, targets, first, second, _fraction(step, "step"))


def _descent(X: Array, y: Array, W: Array, a: Array, step: float) -> Iterator[State]:
    """Yield the states; everything is checked."""
    columns, norms = np.ascontiguousarray(X.T), np.sum(X**2, axis=1)
    time = 0.0
    while True:
        inputs = W @ columns
        on = (inputs > 0).astype(float)
        hidden = np.maximum(inputs, 0.0)
        residual = y - a @ hidden
        yield State(time=time, W=W, a=a, residual=residual)
        pull = (on * residual) @ X
        # n times the bound: tr K is the squared norm of the Jacobian of the fit, and the rest of
        # the Hessian couples a_i to w_i alone, by d_i.
        curvature = np.vdot(hidden, hidden) + (a * a) @ (on @ norms)
        curvature += math.sqrt((pull * pull).sum(axis=1).max())
        if curvature == 0:
            continue
        rate = step / curvature
        W, a = W + (rate * a)[:, None] * pull, a + rate * (hidden @ residual)
        time += float(rate) * len(y)


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

    Returns
    -------
    Outcome

    Raises
    ------
    TypeError, ValueError
        On bad input, or if the teacher says zero to every training sample.

    Examples
    --------
    >>> from saddles import teacher_student
    >>> rich = teacher_student.train(0.1, 0.0, seed=0)
    >>> lazy = teacher_student.train(2.0, 0.0, seed=0)
    >>> rich.kernel_distance > 10 * lazy.kernel_distance
    True
    """
    tolerance, most = _fraction(tolerance, "tolerance"), _size(max_steps, "max_steps")
    sizes = {"dimension": dimension, "n_train": n_train, "n_test": n_test}
    goal = task(seed, teacher_width=teacher_width, **sizes)
    nothing = float(goal.y @ goal.y) / (2 * len(goal.y))
    if nothing == 0:
        raise ValueError(
            f"seed={seed!r}: the teacher says zero to every training sample; raise n_train or "
            "change the seed."
        )
    W, a = student(scale, delta, seed, dimension=dimension, width=width)
    states = descent(goal.X, goal.y, W, a, step=step)
    start = end = next(states)
    steps = 0
    while end.loss > tolerance * nothing and steps < most:
        end, steps = next(states), steps + 1
    errors = goal.test_y - _output(goal.test_X, end.W, end.a)
    return Outcome(
        scale=float(scale),
        delta=float(delta),
        seed=int(seed),
        time=end.time,
        steps=steps,
        train_error=end.loss / nothing,
        test_error=float(errors @ errors) / float(goal.test_y @ goal.test_y),
        kernel_distance=_kernel_distance(goal.X, start, end),
        parameter_distance=math.hypot(
            float(np.linalg.norm(end.W - start.W)), float(np.linalg.norm(end.a - start.a))
        ),
        hamming_distance=float(np.mean((goal.X @ start.W.T > 0) != (goal.X @ end.W.T > 0))),
        conservation=float(np.max(np.abs(_delta(end) - _delta(start)) / _size_of(start, end))),
        status=Status.FITTED if end.loss <= tolerance * nothing else Status.MAX_STEPS,
        start=start,
        end=end,
    )


def point(scale: float, delta: float, seed: int, **settings: float) -> dict[str, float | str]:
    """Train one student and return its numbers alone: one point of a sweep.

    It can be sent to worker processes; ``functools.partial`` fixes the settings.

    Parameters
    ----------
    scale, delta, seed
        As for `train`.
    **settings
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


def _output(X: Array, W: Array, a: Array) -> Array:
    return np.asarray(np.maximum(X @ W.T, 0) @ a)


def _kernel_distance(X: Array, start: State, end: State) -> float:
    kernels = (kernel.relu(X, state.W, state.a) for state in (start, end))
    return float(kernel.distance(*kernels))


def _delta(state: State) -> Array:
    return np.asarray(state.a**2 - np.sum(state.W**2, axis=1))


def _size_of(*states: State) -> Array:
    """Return the largest a² + |w|² of each neuron, (h,)."""
    return np.asarray(np.max([state.a**2 + np.sum(state.W**2, axis=1) for state in states], axis=0))


def _on_sphere(draw: np.random.Generator, count: int, dimension: int) -> Array:
    vectors = draw.normal(size=(count, dimension))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _stream(seed: int, which: int) -> np.random.Generator:
    if checks.count(seed, "seed") is None:
        raise TypeError("seed=None: it is needed, so that the result can be repeated.")
    return np.random.default_rng([int(seed), which])


def _size(value: int, name: str) -> int:
    number = checks.count(value, name, least=1)
    if number is None:
        raise TypeError(f"{name}=None: it must be a whole number of at least 1.")
    return number


def _fraction(value: float, name: str) -> float:
    rule = "it must be above 0 and at most 1"
    return checks.real_number(value, name, rule, lambda number: 0 < number <= 1)
