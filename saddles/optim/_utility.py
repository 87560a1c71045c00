"""The first half: which direction has the largest utility, given the residual.

The utility of a dormant neuron with unit weights w is how strongly its feature pulls at the
residual R, whatever its output weights will be. Kunin et al., "Alternating Gradient Flows" (2025,
arXiv:2506.06489) have |Rᵀφ(w)|/n; a greedy method rather asks how far the loss falls once the
outputs are refitted, |Rᵀφ(w)|/|φ(w)|. A network with an offset has taken the mean of φ already.

================  ==============================================================
code name         symbol
================  ==============================================================
``residual``      R = −∂ℓ/∂f, shape (n, c)
``criterion``     "utility": |Rᵀφ|/n; "decrease": |Rᵀφ|/(|φ| |R|), φ − φ̄ with an offset
``starts``        unit weights from which the ascent begins, shape (S, p)
================  ==============================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from saddles._tools.record import Record
from saddles.optim._cost import unit_rows
from saddles.optim._features import Feature
from saddles.optim._rows import blocks, norm, times

__all__ = ["Ascent"]

CRITERIA = ("decrease", "utility")

#: Steps of the ascent at most, and the relative gain of a step below which a start rests.
STEPS, GAIN = 60, 1e-3

#: Steps after which directions can be told from noise, and told apart.
COARSE = 10

#: Number of samples up to which all are used.
SAMPLE = 20_000

#: Units of rounding that a feature without its mean must exceed.
ROUNDINGS = 64

#: Factor to the next number of samples.
MORE = 4

#: Share by which the utility on a sample may differ from that on all samples.
CONFIRMED = 0.1


@dataclass(frozen=True, eq=False, repr=False)
class Ascent(Record):
    """Where the ascents of the utility end, the highest first.

    Attributes
    ----------
    W : ndarray of shape (S, p)
        Unit weights.
    utilities : ndarray of shape (S,)
        Their utilities, descending.
    gradients : int
        Gradients of single neurons that were used, each over the samples used.
    """

    W: Any
    utilities: Any
    gradients: int


def utilities(
    feature: Feature, X: Any, R: Any, W: Any, criterion: str, offset: bool
) -> tuple[Any, Any]:
    """Return the utilities (S,), and the coefficients (n, S) whose `pull` is their gradient."""
    if offset and criterion == "decrease":
        R = R - R.mean(axis=0)  # the offset is not at its best on some samples
    F = np.empty((len(X), len(W)), X.dtype, order="F")
    for rows in blocks(len(X)):
        F[rows] = feature.values(X[rows], W)
    pulls = R.T @ F
    size = np.linalg.norm(pulls, axis=0)
    along = times(R, pulls / np.where(size > 0, size, 1))
    if criterion == "utility":
        return size / len(F), along / len(F)
    least = np.finfo(F.dtype).eps * np.linalg.norm(F, axis=0)
    if offset:
        F = F - F.mean(axis=0)
    norm = np.linalg.norm(F, axis=0)
    norm = np.where(norm > ROUNDINGS * least, norm, np.inf)  # a constant is no feature
    whole = max(float(np.linalg.norm(R)), np.finfo(R.dtype).tiny)
    value = size / norm / whole
    return value, along / (norm * whole) - F * (value / norm**2)


def largest(criterion: str, X: Any, R: Any) -> float:
    """Return the unit of utilities: that of a feature as large as the samples, along R."""
    if criterion == "decrease":
        return 1.0
    return norm(X) * float(np.linalg.norm(R)) / len(R)


def ascend(
    feature: Feature,
    X: Any,
    R: Any,
    starts: Any,
    *,
    criterion: str,
    offset: bool,
    steps: int = STEPS,
) -> Ascent:
    """Ascend the utility from all starts at once, on the unit sphere, with a step of each's own."""
    W, count = unit_rows(starts), 0
    value, C = utilities(feature, X, R, W, criterion, offset)
    step = np.full(len(W), 1.0)
    moving = np.arange(len(W))
    slope = _slope(feature, X, W, C)
    for _ in range(steps):
        count += len(moving)
        length = np.linalg.norm(slope, axis=1, keepdims=True)
        trial = unit_rows(W[moving] + step[moving, None] * slope / np.where(length > 0, length, 1))
        higher, C = utilities(feature, X, R, trial, criterion, offset)
        up = higher > value[moving]
        gain = higher - value[moving]
        step[moving] *= np.where(up, 1.5, 0.4)
        slope[up] = _slope(feature, X, trial[up], C[:, up]) if up.any() else slope[up]
        W[moving[up]], value[moving[up]] = trial[up], higher[up]
        rests = np.where(up, (gain <= GAIN * higher) & (step[moving] < 0.1), step[moving] < 1e-3)
        moving, slope = moving[~rests], slope[~rests]
        if not len(moving):
            break
    order = np.argsort(-value, kind="stable")
    return Ascent(W[order], value[order], count)


def checked_ascent(
    feature: Feature,
    X: Any,
    R: Any,
    starts: Any,
    *,
    criterion: str,
    offset: bool,
    rows: int,
    others: tuple[Any, Any],
    draw: np.random.Generator,
    chance: float = 0.0,
    clear: float = math.inf,
) -> Ascent:
    """Ascend on a sample of `rows` rows, then on four times as many, until it is confirmed.

    Another sample and its residual, `others`, confirm the utility of the best direction, and all
    rows do once the first sample is as large. A utility above `clear` is enough after a few
    steps, for descents will refine the direction. The search also ends when the utility is below
    `chance`, where there is nothing to find.
    """
    n, gradients, steps = len(X), 0, STEPS if clear == math.inf else COARSE
    climb = partial(ascend, feature, criterion=criterion, offset=offset)
    while rows < n:
        some = np.sort(draw.choice(n, rows, replace=False))
        found = climb(np.asarray(X[some]), R[some], starts, steps=steps)
        gradients += found.gradients
        seen = others if rows < len(others[0]) else (X, R)
        best, _ = utilities(feature, *seen, found.W[:1], criterion, offset)
        ends = best[0] >= (1 - CONFIRMED) * found.utilities[0] or best[0] <= chance
        if best[0] > clear or (ends and steps == STEPS):
            known = np.append(best, np.minimum(found.utilities[1:], best[0]))
            return replace(found, utilities=known, gradients=gradients)
        starts, rows = found.W, rows if steps == COARSE else MORE * rows
        steps = STEPS
    found = climb(np.asarray(X), R, starts)
    return replace(found, gradients=gradients + found.gradients)


def _slope(feature: Feature, X: Any, W: Any, C: Any) -> Any:
    """Return the Riemannian gradients (S, p)."""
    G = feature.pull(X, W, C)
    return G - np.sum(G * W, axis=1, keepdims=True) * W
