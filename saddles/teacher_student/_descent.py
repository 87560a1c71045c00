"""Gradient flow of a two-layer ReLU network, by small full-batch steps.

=================  ============================================================================
code name          symbol
=================  ============================================================================
``W``, ``a``       weights of the student, (h, d) and (h,)
``pull``           n d_i, d_i = (1/n) Σ_k 1[w_i·x_k > 0] r_k x_k: w_i' = a_i d_i, a_i' = w_i·d_i
``curvature``      n λ, λ = tr(K)/n + max_i |d_i| no less than the norm of the loss's Hessian
``step``           η λ, η the step of the descent
=================  ============================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from saddles import checks
from saddles._tools.record import Record
from saddles.typing import Array, ArrayLike

__all__ = ["State", "descent", "fraction"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class State(Record):
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
    return _descent(samples, targets, first, second, fraction(step, "step"))


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


def fraction(value: float, name: str) -> float:
    """Return a number in (0, 1]."""
    rule = "it must be above 0 and at most 1"
    return checks.real_number(value, name, rule, lambda number: 0 < number <= 1)
