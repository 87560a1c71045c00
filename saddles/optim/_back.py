"""The step back: neurons that are superfluous after a cost step return to the dormant set.

A neuron leaves if the others, refitted, do as well without it. They begin their descent where they
are or, for ReLU neurons, on the other side of some hyperplanes. Since φ(z) − φ(−z) = (1 + leak) z,
networks whose neurons look the other way differ by a linear function only, and a greedy network
often spends one neuron that is active everywhere on such a function.

================  ================================================================
code name         symbol
================  ================================================================
``rises``         how much the loss rises without neuron i, the outputs refitted
``odd``           (φ(z) − φ(−z))/z, 0 where that is no constant
``share``         how much of neuron i is to look the other way: 0 or 1 if it fits
================  ================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, lstsq

from saddles.optim._cost import Fit, Task, descend, searches_outputs
from saddles.optim._losses import Squared, factor
from saddles.typing import Array, Indices

__all__: list[str] = []

#: Number of neurons that are tried, the cheapest first, before none counts as superfluous.
TRIED = 2

#: Share by which a cost that is computed from curvatures may be wrong.
ROUNDING = 1e-6

#: A descent is hopeless if this many steps like the last one would not reach its goal.
PATIENCE = 10


@dataclass(frozen=True, eq=False)
class Back:
    """The network after the step back, the neurons that are left in it, and the gradients used."""

    fit: Fit
    kept: Indices
    gradients: int


def step_back(
    task: Task,
    fit: Fit,
    method: str,
    *,
    floor: float,
    passes: Callable[[Fit, Fit], bool],
    goal: Callable[[Fit], float],
) -> Back:
    """Let superfluous neurons leave, one at a time.

    ``passes(smaller, larger)`` decides whether one network replaces another; the smaller one can
    only pass if its cost is at most ``goal(larger)``.
    """
    kept, gradients = np.arange(len(fit.W)), 0
    while True:
        least = max(goal(fit), floor)
        give_up = _hopeless(least)
        for i, start in _smaller(task, fit, method, least):
            end = descend(task, start, method, floor=floor, give_up=give_up)
            gradients += end.gradients
            if passes(end.fit, fit):
                fit, kept = end.fit, np.delete(kept, i)
                break
        else:
            return Back(fit, kept, gradients)


def _hopeless(goal: float) -> Callable[[float, float], bool]:
    """Return whether costs before and after a step leave no hope to come down to `goal`."""
    return lambda before, after: after - PATIENCE * (before - after) > goal


def _smaller(task: Task, fit: Fit, method: str, goal: float) -> Iterator[tuple[int, Fit]]:
    """Yield neurons that may be superfluous, and where the others begin without them."""
    if len(fit.W) < 2:
        return
    turned = _turned(task, fit, goal)
    if turned is not None:
        yield turned
    H = len(fit.W)
    rises = _rises(fit.F, fit.outputs, task.penalty(H))[:H]
    known = method == "outputs" and isinstance(task.loss, Squared)  # nothing else will descend
    for i in np.argsort(rises, kind="stable")[:TRIED]:
        if known and fit.penalised + rises[i] / 2 > (1 + ROUNDING) * goal:
            return
        W, outputs = np.delete(fit.W, i, axis=0), np.delete(fit.outputs, i, axis=0)
        yield int(i), task.at(W, outputs, keep=searches_outputs(task, method))


def _rises(F: Array, outputs: Array, penalty: Array) -> Array:
    """Return the rise of the loss without each feature, by its curvature in the outputs."""
    inverse = cho_solve((factor(F, penalty), True), np.eye(len(outputs)))
    return np.asarray(np.sum(outputs**2, axis=1) / np.diag(inverse))


def _turned(task: Task, fit: Fit, goal: float) -> tuple[int, Fit] | None:
    """Return a neuron that only supplies a linear function, and the others turned to supply it.

    Some neuron may be replaced by a linear function if the cost is then at most `goal`. If neurons
    i in a set look the other way, Σ odd a_i w_i is taken away from that function, which is to
    vanish.
    """
    odd = task.odd
    if not (odd and isinstance(task.loss, Squared)):
        return None
    H, p = fit.W.shape
    wide = np.concatenate([fit.F, np.asarray(task.X, dtype=np.float64)], axis=1)
    none = np.zeros(wide.shape[1])
    i = int(np.argmin(_rises(wide, task.loss.outputs(wide, task.Y, none, fit.outputs), none)[:H]))
    wide = np.delete(wide, i, axis=1)
    outputs = lstsq(wide.T @ wide, wide.T @ task.Y)[0]
    noise = np.finfo(np.float64).eps * float(np.vdot(task.Y, task.Y)) / len(task.Y)
    if task.loss.value(wide @ outputs, task.Y) > max(goal, noise):
        return None
    W = np.delete(fit.W, i, axis=0)
    change = odd * W[:, :, None] * outputs[: H - 1, None, :]
    share = lstsq(change.reshape(H - 1, -1).T, -outputs[-p:].ravel())[0]
    turned = share > 0.5
    return (i, task.at(np.where(turned[:, None], -W, W))) if turned.any() else None
