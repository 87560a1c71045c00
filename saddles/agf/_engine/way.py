"""The way of a dormant neuron: how it turns and grows while the residual stands still.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 3: a dormant neuron
obeys θ' = ∇U(θ), so that in its own time, dτ = s dσ with the slowness s = |θ/α|^{2−κ},

    dθ̂/dσ = P⊥∇U(θ̂),    d log|θ| / dσ = κU(θ̂).

That does not depend on its size. It is followed in the logarithm of its own time, for a direction
turns within times of order 1/|∇U| first, then ever more slowly, and its growth while it turns may
differ from what it grows at rest by many orders.

Where the active neurons are at infinity, the residual that dormant ones see has still a little to
change. That moves directions along valleys of U (those of a frequency of modular addition, whose
phases are free): slowly, evenly and without an end. In the limit it does not: what is left of the
residual is a power of α by then, and a direction turns for log(1/α) only. So one that moves like
that is at rest.

==============  ==========================================================================
code name       symbol
==============  ==========================================================================
``units``       θ̂, (D, p)
``tangent``     P⊥∇U, (D, p)
``growth``      κU, (D,), the radial part of ∇U by Euler's identity
``first``       F, |∇U| where the way begins, (D,)
``age``         log(1 + σF), (D,)
``gained``      G, growth of log|θ|, (D,)
``y``           θ̂, G and log(1 + τF/s₀), (D, p + 2); s₀ is s where the way begins
==============  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from saddles._numerics.balance import Balance
from saddles._numerics.precision import EPS
from saddles._numerics.stepping import (
    Budget,
    Ending,
    Equation,
    Integration,
    Tolerances,
    bounded,
    crossing,
)
from saddles.agf._engine.active_flow import CROWD, DESCENT_STEPS
from saddles.agf._engine.levels import DONE, ROUNDING, TIE
from saddles.typing import Array, Indices, Mask

__all__ = [
    "OLD",
    "Gradient",
    "Ways",
    "align",
    "closely",
    "gained",
    "stiff",
]

#: A way ends at this age: what has not moved by then will not move.
OLD = -math.log(ROUNDING)
#: A direction drifts if its speed stays within this share while time doubles twice, and is below
#: what gradients are known to.
EVEN = 0.9
#: The error allowed where a component is zero, as a share of the relative one: less than the speed
#: of a direction at rest. And what is allowed of the direction of a neuron that rings, as a share
#: of what is of others: later jumps multiply its error by thousands.
ATOL = 1e-3
#: Number of neurons that are asked at once: all their outputs have to fit into memory.
MEMORY = 64
#: Multiplied by this, weights round differently.
NO_POWER_OF_TWO = 3.0
#: Difference of directions for the derivatives of how fast they turn.
TURN_STEP = EPS ** (1 / 3)

Gradient = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class Ways:
    """The equation of ways that begin at `start` (D, p), of which some are `balanced` (D,)."""

    gradient: Gradient
    degree: int
    start: Array
    first: Array
    balance: Balance | None
    balanced: Mask

    @classmethod
    def of(
        cls, gradient: Gradient, degree: int, start: Array, balance: Balance | None = None
    ) -> Ways:
        """Measure the pull at the start."""
        first = np.linalg.norm(gradient(start), axis=1)
        balanced = np.zeros(len(start), dtype=bool) if balance is None else balance.holds(start)
        return cls(gradient, degree, start, np.where(first > 0, first, 1.0), balance, balanced)

    def rows(self, rows: Indices) -> Ways:
        """Return some of them."""
        some = self.start[rows], self.first[rows]
        return Ways(self.gradient, self.degree, *some, self.balance, self.balanced[rows])

    def units(self, y: Array) -> Array:
        """Return θ̂ (D, p)."""
        units = np.asarray(y[:, :-2] / np.linalg.norm(y[:, :-2], axis=1, keepdims=True))
        return units if self.balance is None else self.balance.onto(units, self.balanced)

    def unit(self, y: Array) -> Array:
        """Return θ̂ (p,) of the only one of them."""
        return np.asarray(self.units(y[None])[0])

    @property
    def rounding(self) -> float:
        """What share of ∇U may be rounding: its direction should not depend on a neuron's norm."""
        here, there = (self.gradient(size * self.start) for size in (1.0, NO_POWER_OF_TWO))
        lengths = (np.linalg.norm(each, axis=1, keepdims=True) for each in (here, there))
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = np.divide(here, next(lengths)) - np.divide(there, next(lengths))
        return float(np.nan_to_num(np.linalg.norm(apart, axis=1)).max())

    @property
    def origin(self) -> Array:
        """Return y where they begin."""
        return np.hstack([self.start, np.zeros((len(self.start), 2))])

    def split(self, y: Array) -> tuple[Array, Array, Array]:
        """Return θ̂, P⊥∇U and κU."""
        units = self.units(y)
        slope = self.gradient(units)
        growth = np.sum(slope * units, axis=1)
        return units, slope - growth[:, None] * units, growth

    def velocity(self, age: Array, y: Array) -> Array:
        """Return dy/dage."""
        _, tangent, growth = self.split(y)
        with np.errstate(over="ignore"):
            passed = np.exp(age)
            clock = np.exp(age - (self.degree - 2) * y[:, -2] - y[:, -1])
        rates = np.column_stack([tangent, growth]) * (passed / self.first)[:, None]
        return bounded(np.column_stack([rates, clock]))

    def jacobian(self, age: float, y: Array, step: float = TURN_STEP) -> Array:
        """Return ∂(dy/dage)/∂y of a single way, by central differences over a step."""
        columns = []
        for begin in range(0, y.size, MEMORY):
            aside = step * np.eye(y.size)[begin : begin + MEMORY]
            many = self.rows(np.zeros(len(aside), dtype=np.intp))
            ahead, behind = (many.velocity(np.array(age), y + s * aside) for s in (1, -1))
            columns.append((ahead - behind) / (2 * step))
        return np.asarray(np.vstack(columns).T)

    def speeds(self, age: Array, rates: Array) -> tuple[Array, Array]:
        """Return |P⊥∇U| and κU (D,) from the velocity."""
        pace = self.first * np.exp(-age)
        return np.linalg.norm(rates[:, :-2], axis=1) * pace, rates[:, -2] * pace


def closely(rtol: float) -> Tolerances:
    """Return what a step may err by, of a way that is followed to this relative error."""
    return Tolerances(rtol=rtol, atol=ATOL * rtol, longest=1.0)


def stiff(ways: Ways, age: float, y: Array, tolerances: Tolerances, steps: int) -> Iterator[Any]:
    """Yield the integrator of a single way after each step from `age` and `y` (p + 2,).

    Rounding of ∇U turns a neuron by the more the later it is, and no error below that is asked for.
    Where it was more than that from the start, or steps are crowded, this is renewed as time grows.
    """

    def velocity(age: float, y: Array) -> Array:
        return np.asarray(ways.velocity(np.array([age]), y[None])[0])

    budget, rounding, least = Budget(steps), ways.rounding, tolerances.atol
    tolerances = replace(tolerances, crowd=CROWD)
    jacobian: Callable[[float, Array], Array] = ways.jacobian
    until = age if rounding * math.exp(age) > least else math.inf
    while True:
        if math.isfinite(until):
            until = age + tolerances.longest
            error = max(least, rounding * math.exp(until))
            tolerances = replace(tolerances, atol=error, first=tolerances.longest / CROWD)
            jacobian = partial(ways.jacobian, step=max(TURN_STEP, rounding ** (1 / 3)))
        turning = Equation(velocity, y, jacobian=jacobian, begin=age)
        flow = Integration(turning, tolerances, budget, until=until)
        for solver in flow:
            age, y = solver.t, solver.y.copy()
            yield solver
        if flow.ending not in (Ending.CROWDED, Ending.FINISHED):
            return
        until = age


def align(
    gradient: Gradient,
    direction: Array,
    *,
    gain: float = math.inf,
    blur: float = DONE,
    balance: Balance | None = None,
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
    balance : Balance, optional
        What keeps balanced neurons balanced.
    """
    if gain <= 0:
        return direction
    ways = Ways.of(gradient, 2, direction[None], balance)
    places, speeds = [ways.origin[0]], [_misaligned(ways, ways.origin[0])]
    looks = _doublings(ways, gain)
    while speeds[-1] > ROUNDING and (found := next(looks, None)) is not None:
        place, done = found
        if done:
            return ways.unit(place)
        places.append(place)
        speeds.append(_misaligned(ways, place))
        if max(speeds[-3:]) <= blur and len(speeds) > 4 and _even(speeds[-3:]):
            return ways.unit(places[-3])
    return ways.unit(places[int(np.argmin(speeds))])


def _misaligned(ways: Ways, y: Array) -> float:
    """Return the speed of a direction, relative to its growth."""
    _, tangent, growth = ways.split(y[None])
    turn = float(np.linalg.norm(tangent))
    return turn / abs(float(growth[0])) if growth[0] else math.inf if turn else 0.0


def _doublings(ways: Ways, gain: float) -> Iterator[tuple[Array, bool]]:
    """Yield y whenever time has doubled, and last where the `gain` is reached."""
    age = math.log(2)
    for solver in stiff(ways, 0.0, ways.origin[0], closely(ATOL * TIE), DESCENT_STEPS):
        within = solver.dense_output()
        end = gained(within, gain, solver.t_old, solver.t)
        while age <= min(solver.t, end):
            if not np.isfinite(within(age)).all():
                return
            yield within(age), False
            age += math.log(2)
        if end < math.inf:
            yield within(end), True
        if end < math.inf or solver.t > OLD:
            return


def gained(curve: Callable[[float], Array], gain: float, start: float, stop: float) -> float:
    """Return the age at which the log norm has grown by the gain; infinite if it has not."""

    def above(age: float) -> float:
        return float(curve(age)[-2]) - gain

    return crossing(above, start, stop) if above(stop) >= 0 else math.inf


def _even(speeds: list[float]) -> bool:
    """Whether speeds do not differ by more than `EVEN`."""
    return min(speeds) >= EVEN * max(speeds)
