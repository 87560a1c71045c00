"""The dual point of a diagonal network on its way from jump to jump.

Algorithm 1 of Pesme and Flammarion (arXiv:2304.00488), in units in which nothing overflows: clocks
S = Xᵀρ run until one is at its boundary, then β descends to the sign-constrained least squares on
all coordinates whose clocks are at their boundaries.

===============  =====================================================================
code name        symbol
===============  =====================================================================
``dual``         ρ, shape (n,)
``arc``          ∫|r| dτ, the arc length of ρ
``reach``        what rounding may have moved a clock by, over |x_i|: in proportion to it
``fit``          r, and β as far as independent columns carry it
``spare``        other coordinates whose clocks were at their boundary at the jump (m,)
``weights``      the sign of S times |x|, of the same (m,)
``leader``       the unit whose clock rang first; ``least`` is the least push that others may have
``push``         x·r over the weights, of the same, if it is known (m,)
``resting``      which of them stay there (m,)
``candidates``   the coordinates of the fit, and those that are spare (k,)
``sides``        the sign of S times |x|, and ``values`` β, of the same (k,)
``upper``,       t⁺, t⁻: boundaries of the clocks; ±1 for the two-layer network
``lower``
===============  =====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from saddles._diagonal.cone import Fit, descend, minimum_norm, no_fit
from saddles._diagonal.left_over import left_over
from saddles._diagonal.race import Course
from saddles._diagonal.screening import Screen
from saddles._problems.in_units import InUnits
from saddles.alternation import Rest, Ring
from saddles.status import TWELVE_DIGITS, Breakdown, Status
from saddles.typing import Array, Indices, Mask

__all__ = ["Network", "State", "cost", "jump", "start", "utility"]

NOBODY = np.zeros(0, dtype=np.intp)
NOTHING = np.zeros(0)
NONE = np.zeros(0, dtype=bool)


@dataclass(frozen=True, eq=False)
class Network:
    """The data and the boundaries (d,)."""

    data: InUnits
    upper: Array
    lower: Array

    @cached_property
    def places(self) -> Indices:
        """Room for one number per coordinate (d,)."""
        return np.zeros(self.data.shape[1], dtype=np.intp)

    @cached_property
    def marks(self) -> Mask:
        """Room for one mark per coordinate (d,); none is set."""
        return np.zeros(self.data.shape[1], dtype=bool)


class State(NamedTuple):
    """Where the dual point is; see the module's table.

    ``fit`` and ``screen`` are handed on and used up by the next state; all else stays as it is.
    """

    jumps: int
    time: float
    arc: float
    reach: float
    dual: Array
    fit: Fit
    screen: Screen
    spare: Indices
    weights: Array
    push: Array | None
    resting: Mask
    candidates: Indices
    sides: Array
    values: Array
    previous: Indices
    unique: bool
    margin: float
    leader: int = -1
    least: float = 0.0

    @property
    def active(self) -> Indices:
        """Coordinates that are not zero, in no order (k,)."""
        return self.candidates[self.values != 0] if self.spare.size else self.candidates


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ring(Ring):
    """Clocks that ring, with the boundaries that they reach and how fast (m,).

    ``leader`` is the first of them, and ``least`` the least push at which another can be told to
    follow at once.
    """

    goals: Array
    pace: Array
    leader: int
    least: float


def start(network: Network) -> State:
    """Begin at the origin: every clock at 0, the residual is y."""
    data = network.data
    return State(
        jumps=0,
        time=0.0,
        arc=0.0,
        reach=0.0,
        dual=np.zeros_like(data.y),
        fit=no_fit(data),
        screen=Screen(data, network.upper, network.lower),
        spare=NOBODY,
        weights=NOTHING,
        push=None,
        resting=NONE,
        candidates=NOBODY,
        sides=NOTHING,
        values=NOTHING,
        previous=NOBODY,
        unique=True,
        margin=math.inf,
    )


def utility(network: Network, state: State) -> Ring | Rest | Status:
    """Find the clocks that ring first: S_i + (Δτ/n) x_i·r = t_i⁺ or −t_i⁻."""
    data, fit = network.data, state.fit
    race = state.screen.race(
        Course(
            dual=state.dual,
            residual=fit.residual,
            size=fit.size,
            time=state.time,
            arc=state.arc,
            reach=state.reach,
            noise=fit.noise,
            held=fit.factors.support,
            resting=state.spare[state.resting] if state.spare.size else NOBODY,
            leaving=state.spare[~state.resting] if state.spare.size else NOBODY,
        )
    )
    if race.first <= 0:
        raise Breakdown(Status.STALLED, f"jump {state.jumps + 1} would take no time")
    if race.units.size == 0:
        loss = left_over(data, (network.upper, network.lower), fit)
        first = data.loss(data.y)
        return Rest(least=TWELVE_DIGITS * first, noise=loss, loss=loss)
    if not math.isfinite(race.first):
        if np.isfinite(race.goals).any():
            raise Breakdown(Status.OVERFLOW, f"jump {state.jumps + 1}")
        return Status.NO_CLOCK_RINGS
    time, pace, apart, leader, least = state.time + race.first, race.pace, 0.0, -1, 0.0
    if race.units.size > 1 or state.spare.size:
        apart, leader = float(race.apart.max()), int(race.units[race.apart.argmin()])
        least = data.least_push(race.slack, time, apart)
    slowest = pace.item(pace.argmin())
    blur = (state.reach + race.first * fit.noise * fit.exact / fit.size) / slowest
    data.check_time(blur, time, state.jumps + 1, apart / slowest)
    margin = (race.second - race.first) / race.first
    return _Ring(
        delay=race.first,
        units=race.units,
        margin=margin,
        due=data.time(time),
        goals=race.goals,
        pace=race.pace,
        leader=leader,
        least=least,
    )


def jump(network: Network, state: State, ring: Ring) -> State:
    """Advance the dual point to the ring; its clocks are held at their boundary from now on."""
    assert isinstance(ring, _Ring)
    data, fit, delay = network.data, state.fit, ring.delay
    spare, weights = ring.units, np.copysign(data.norms[ring.units], ring.goals)
    push: Array | None = ring.pace
    if state.spare.size and state.resting.any():
        spare = np.concatenate([state.spare[state.resting], spare])
        weights = np.concatenate([state.weights[state.resting], weights])
        push = None
    return State(
        jumps=state.jumps + 1,
        time=state.time + delay,
        arc=state.arc + delay * fit.size,
        reach=state.reach + delay * fit.noise,
        dual=state.dual + delay * fit.residual,
        fit=fit,
        screen=state.screen,
        spare=spare,
        weights=weights,
        push=push,
        resting=state.resting,
        candidates=state.candidates,
        sides=state.sides,
        values=state.values,
        previous=state.active,
        unique=state.unique,
        margin=ring.margin,
        leader=ring.leader,
        least=ring.least,
    )


def cost(network: Network, state: State) -> State:
    """Descend to the sign-constrained least squares on the coordinates at their boundaries."""
    data = network.data
    fit, spare, weights, push = descend(
        data, state.fit, state.spare, state.weights, state.push, (state.leader, state.least)
    )
    candidates, sides = fit.factors.support.copy(), fit.factors.weights.copy()
    values, unique, resting = fit.values, True, NONE
    if spare.size:
        resting = np.abs(push) <= fit.noise
        candidates = np.concatenate([candidates, spare])
        sides = np.concatenate([sides, weights])
        values = np.concatenate([values, np.zeros(spare.size)])
        if resting.any():
            signs = np.sign(sides)
            values, unique = minimum_norm(data, candidates, signs, values, fit.residual)
    return State(
        jumps=state.jumps,
        time=state.time,
        arc=state.arc,
        reach=state.reach,
        dual=state.dual,
        fit=fit,
        screen=state.screen,
        spare=spare,
        weights=weights,
        push=None,
        resting=resting,
        candidates=candidates,
        sides=sides,
        values=values,
        previous=state.previous,
        unique=unique,
        margin=state.margin,
    )
