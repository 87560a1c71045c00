"""The task, and the student before it learns: teacher, samples on the sphere, weights in pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from saddles import checks
from saddles._tools.record import Record
from saddles.neuron._formulas import squares
from saddles.typing import Array

__all__ = ["Task", "output", "student", "task"]

#: Scales whose fourth powers a float64 holds.
LEAST_STUDENT, MOST_STUDENT = 1e-70, 1e70

#: Streams of random numbers of one seed, so that the size of one part does not change another.
TEACHER, TRAIN, TEST, STUDENT = range(4)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Task(Record):
    """A teacher, and samples to train and to test on.

    Attributes
    ----------
    X, y : ndarray of shape (n, d) and (n,)
        Training samples on the unit sphere, and the teacher's outputs.
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
        Seed of the teacher, the training samples and the test samples; each has its own stream of
        random numbers.
    dimension, n_train, n_test, teacher_width : int
        Sizes d, n, m and k.

    Returns
    -------
    Task
        The teacher's weights, and its training and test samples.

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
        checks.whole_number(value, name, least=1)
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
    return Task(X=X, y=output(X, W, a), test_X=Z, test_y=output(Z, W, a), W=W, a=a)


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
    rule = f"the scale must be from {LEAST_STUDENT:g} to {MOST_STUDENT:g}"
    scale = checks.real_number(
        scale, "scale", rule, lambda value: LEAST_STUDENT <= value <= MOST_STUDENT
    )
    delta = checks.finite_number(delta, "delta")
    d = checks.whole_number(dimension, "dimension", least=1)
    h = checks.whole_number(width, "width", least=1)
    if h % 2:
        raise ValueError(f"width={h!r} must be even: neurons come in pairs that cancel.")
    larger = math.sqrt(max(squares(scale**2, delta)))
    smaller = scale * (scale / larger)  # not the root of its square, which may underflow
    outer, inner = (larger, smaller) if delta >= 0 else (smaller, larger)
    draw = _stream(seed, STUDENT)
    W = inner * _on_sphere(draw, h // 2, d)
    a = outer * np.where(draw.random(h // 2) < 0.5, -1.0, 1.0)
    return np.vstack([W, W]), np.append(a, -a)


def output(X: Array, W: Array, a: Array) -> Array:
    """Return what a network says to samples (n, d)."""
    return np.asarray(np.maximum(X @ W.T, 0) @ a)


def _on_sphere(draw: np.random.Generator, count: int, dimension: int) -> Array:
    vectors = draw.normal(size=(count, dimension))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _stream(seed: int, which: int) -> np.random.Generator:
    return np.random.default_rng([checks.whole_number(seed, "seed"), which])
