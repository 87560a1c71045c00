"""The direction along which a neuron activates.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 3: a dormant neuron
obeys θ̂' = |θ|^{κ−2} P⊥∇U(θ̂), (log|θ|)' = |θ|^{κ−2} κÛ. As α → 0 its norm grows by so much that the
direction comes to rest however slowly it turns; so time, dt = |θ|^{κ−2} dτ, is followed in its
logarithm, from 1/|∇U| on. From a finite α it turns until it is as large as descents start.

Where the active neurons are at infinity, the residual that dormant ones see has still a little to
change. That moves directions along valleys of U (those of a frequency of modular addition, whose
phases are free): slowly, evenly and without an end. In the limit it does not: what is left of the
residual is a power of α by then, and a direction turns for log(1/α) only. So one that moves like
that is at rest.

==============  ==========================================================================
code name       symbol
==============  ==========================================================================
``unit``        θ̂, (p,)
``speed``       |P⊥∇U| / κU
``age``         log(t |∇U|), of ∇U at the start
``gain``        growth of log|θ|
``blur``        what share of ∇U is unknown
==============  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from saddles._numerics.stepping import Equation, Integration, Tolerances, crossing
from saddles.typing import Array

__all__ = ["ALIGNED", "BLUR", "align"]

#: A direction has come to rest at this speed, or where its speed has not halved while time doubled
#: so many times.
ALIGNED, UNTURNED = 1e-12, 30
#: It drifts if its speed stays within this share while time doubles twice, after so many doublings,
#: and is below what gradients are known to, which is this share of them at best.
EVEN, SOON, BLUR = 0.9, 4, 1e-10
#: Difference of directions for the derivatives of how fast they turn, and how many are taken at
#: once: all outputs of so many neurons have to fit into memory.
TURN_STEP, AT_ONCE = 1e-6, 64
#: Steps of the integrator after which the best direction that was seen has to do.
ALIGNMENT_STEPS = 10_000
#: Later jumps multiply by thousands what errors of a direction leave.
TOLERANCES = Tolerances(rtol=1e-11, atol=1e-14, longest=1.0)

Tangents = Callable[[Array], tuple[Array, Array]]


def align(
    gradient: Callable[[Array], Array],
    direction: Array,
    *,
    gain: float = math.inf,
    blur: float = BLUR,
) -> Array:
    """Return where the flow of directions takes a `direction` (p,).

    Parameters
    ----------
    gradient : callable
        Directions (H, p) -> ∇U (H, p).
    direction : ndarray of shape (p,)
        Where it is, of norm 1.
    gain : float
        It is followed until the log norm of the neuron has grown by so much, after it may have
        fallen, or until it rests or drifts before.
    blur : float
        The gradient is known to this share. A direction that moves on evenly at a speed below it
        is left where that was first seen.
    """
    if gain <= 0:
        return direction

    def tangents(rows: Array) -> tuple[Array, Array]:
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        slopes = gradient(units)
        along = np.sum(slopes * units, axis=1)
        return slopes - along[:, None] * units, along

    def misalignment(unit: Array) -> float:
        tangent, growth = tangents(unit[None])
        turn = float(np.linalg.norm(tangent))
        return turn / abs(float(growth[0])) if growth[0] else math.inf if turn else 0.0

    units, speeds = [direction], [misalignment(direction)]
    looks = _doublings(tangents, direction, gain)
    while speeds[-1] > ALIGNED and (found := next(looks, None)) is not None:
        unit, done = found
        if done:
            return unit
        units.append(unit)
        speeds.append(misalignment(unit))
        if max(speeds[-3:]) <= blur and len(speeds) > SOON and _even(speeds[-3:]):
            return units[-3]
        if min(speeds[-UNTURNED:]) > 0.5 * min(speeds[:-UNTURNED], default=math.inf):
            break
    return units[int(np.argmin(speeds))]


def _doublings(tangents: Tangents, direction: Array, gain: float) -> Iterator[tuple[Array, bool]]:
    """Yield the direction (p,) whenever time has doubled, and last where the `gain` is reached.

    The integrator's variables are the direction and the growth of the log norm over e^age, which
    grows no more than the direction does.
    """
    tangent, growth = tangents(direction[None])
    first = math.hypot(float(np.linalg.norm(tangent)), float(growth[0])) or 1.0

    def velocity(age: float, y: Array) -> Array:
        tangent, growth = tangents(y[None, :-1])
        return np.append(tangent[0] * (math.exp(age) / first), growth / first - y[-1])

    def jacobian(age: float, y: Array) -> Array:
        rows = np.zeros((y.size, y.size))
        for start in range(0, y.size - 1, AT_ONCE):
            aside = TURN_STEP * np.eye(y.size - 1)[start : start + AT_ONCE]
            ahead, behind = (np.column_stack(tangents(y[:-1] + sign * aside)) for sign in (1, -1))
            rows[start : start + len(aside)] = ahead - behind
        matrix = rows.T / (2 * TURN_STEP * first)
        matrix[:-1] *= math.exp(age)
        matrix[-1, -1] = -1.0
        return np.asarray(matrix)

    turning = Equation(velocity, np.append(direction, 0.0), jacobian=jacobian)
    age = math.log(2)
    for solver in Integration(turning, TOLERANCES, ALIGNMENT_STEPS):
        within = solver.dense_output()
        end = _reached(within, gain, solver.t_old, solver.t)
        while age <= min(solver.t, end):
            if not np.isfinite(within(age)).all():
                return
            yield _unit(within(age)[:-1]), False
            age += math.log(2)
        if end < math.inf:
            yield _unit(within(end)[:-1]), True
            return


def _reached(curve: Callable[[float], Array], level: float, start: float, stop: float) -> float:
    """Return when the log norm has grown by the level; infinite if it has not."""

    def above(age: float) -> float:
        return float(curve(age)[-1] * math.exp(age)) - level

    return crossing(above, start, stop) if above(stop) >= 0 else math.inf


def _unit(row: Array) -> Array:
    return np.asarray(row / np.linalg.norm(row))


def _even(speeds: list[float]) -> bool:
    """Whether speeds do not differ by more than `EVEN`."""
    return min(speeds) >= EVEN * max(speeds)
