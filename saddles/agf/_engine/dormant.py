"""Dormant neurons: how they turn and gather utility until the first of them rings.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 3. The clock of a
dormant neuron is its accumulated utility S = ∫ κÛ, Û = U(θ̂), in scaled time: it activates when it
has gathered what it lacks,

    A = (log h − log|θ|) / log(1/α)                     for κ = 2,
    A = (|θ/α|^{2−κ} − (h/α)^{2−κ}) / (κ − 2)           for κ > 2,

h the norm that counts as active, so that A' = −κÛ for every κ and α; in the limit α → 0 the second
terms vanish. While the residual stands still dormant neurons are independent of each other, and
each goes its `way`. All of them are swept along together, each with steps of its own length; what
the sweep does not bring to an end, for its equation is stiff, a stiff integrator follows one after
the other, those first that may ring first. A neuron whose direction has come to rest is followed in
closed form.

A direction that rests where its utility has turned negative is unstable as a rule, and what would
make the neuron leave it is as small as the neuron has grown (conserved quantities such as u² − v²
stay at the scale of α²). So it shrinks, along the way that it came, back to its initial norm, and
starts again from its initial direction: exactly so in diagonal networks.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``directions``   θ̂, one neuron per row, (D, p)
``lacking``      A, the utility that each still has to gather, (D,)
``tau``          scaled time since the phase began, (D,)
``deadline``     when the first clock that is known rings
===============  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np

from saddles._numerics.balance import Balance
from saddles._numerics.stepping import crossing
from saddles._numerics.watch import tick
from saddles.agf._engine.active_flow import DESCENT_STEPS
from saddles.agf._engine.clock import Clock, Dormant, Phase
from saddles.agf._engine.levels import HARDLY, SAFELY, STATIONARY, TIE
from saddles.agf._engine.sweep import curves, step
from saddles.agf._engine.way import OLD, Gradient, Ways, closely, gained, stiff
from saddles.status import Breakdown, Status
from saddles.typing import Array, Indices

__all__ = ["Clock", "Dormant", "Phase", "first_ring"]

#: Steps of the sweep; what they do not bring to an end is stiff.
SWEPT = 100


def first_ring(
    gradient: Gradient,
    dormant: Dormant,
    home: Dormant,
    clock: Clock,
    *,
    noise: float = 0.0,
    least: float = 0.0,
    until: float = math.inf,
    rtol: float = TIE,
    steps: int = DESCENT_STEPS,
    balance: Balance | None = None,
) -> Phase:
    """Follow dormant neurons until the first of them activates.

    Parameters
    ----------
    gradient : callable
        Directions (D, p) -> ∇U (D, p).
    dormant : Dormant
        Where the neurons are.
    home : Dormant
        Where they started, before all phases.
    clock : Clock
        Degree and initial scale.
    noise : float
        |∇U| that counts as none.
    least : float
        Growth that counts as none: what rests with less never rings.
    until : float
        The phase ends at this time if no clock has rung by then.
    rtol : float
        Local relative error of the directions.
    steps : int
        Steps after which a direction that does not come to rest is given up.
    balance : Balance, optional
        What keeps balanced neurons balanced.

    Raises
    ------
    Breakdown
        If directions neither come to rest nor ring in many steps.
    """
    run = _Run(gradient, dormant, clock, noise, least, until, rtol, steps, balance)
    run.follow(np.arange(len(dormant.lacking)))
    away = np.linalg.norm(dormant.directions - home.directions, axis=1) > STATIONARY
    while True:
        turns = np.where(away, run.turns(home), math.inf)
        back = np.flatnonzero(turns <= turns.min(initial=math.inf) * (1 + TIE))
        if not turns.min(initial=math.inf) < run.deadline:
            return run.phase()
        away[back] = False
        run.begin(back, home.rows(back), turns[back])
        run.follow(back)


@dataclass(frozen=True, eq=False)
class _Node:
    """A step of a way: the age and y at its start, its length, and its curve if it is known."""

    age: float
    size: float
    y: Array
    curve: Callable[[float], Array] | None = None


class _Run:
    """One phase; its arrays have one row per neuron."""

    def __init__(
        self,
        gradient: Gradient,
        dormant: Dormant,
        clock: Clock,
        noise: float,
        least: float,
        until: float,
        rtol: float,
        steps: int,
        balance: Balance | None,
    ) -> None:
        self.clock, self.until, self.steps = clock, until, steps
        self.tolerances = closely(rtol)
        self.begun = Dormant(dormant.directions.copy(), dormant.lacking.copy())
        count = len(dormant.lacking)
        self.ways = Ways.of(gradient, clock.degree, self.begun.directions, balance)
        self.pull = float(np.linalg.norm(gradient(dormant.directions), axis=1).max(initial=0.0))
        # Where no pull is left the integrator's error may take a direction to where one begins.
        self.noise = max(SAFELY * self.tolerances.atol * self.pull, noise)
        self.least = max(self.noise, least)
        self.since, self.age, self.tau, self.growth, self.unit = np.zeros((5, count))
        self.y, self.rates = self.ways.origin, self.ways.origin
        self.rests, self.rung = np.zeros(count, dtype=bool), np.full(count, math.inf)
        self.nodes: list[list[_Node]] = [[] for _ in range(count)]
        self.begin(np.arange(count), dormant, np.zeros(count))

    def begin(self, rows: Indices, dormant: Dormant, since: Array) -> None:
        """Put neurons at the beginning of their ways, at times `since`."""
        self.begun.directions[rows], self.begun.lacking[rows] = (
            dormant.directions,
            dormant.lacking,
        )
        known = self.ways
        self.ways = Ways.of(known.gradient, known.degree, self.begun.directions, known.balance)
        slowness = np.exp(self.clock.log_slowness(dormant.lacking))
        self.unit[rows], self.since[rows] = slowness / self.ways.first[rows], since
        ways = self.ways.rows(rows)
        for row in rows:
            self.nodes[row] = []
        age = np.zeros(len(rows))
        self.take(rows, age, ways.origin, ways.velocity(age, ways.origin))

    def take(self, rows: Indices, age: Array, y: Array, rates: Array) -> None:
        """Store where neurons are, and which of them ring or rest there."""
        self.age[rows], self.y[rows], self.rates[rows] = age, y, rates
        self.tau[rows] = self.since[rows] + self.unit[rows] * np.expm1(y[:, -1])
        speed, self.growth[rows] = self.ways.rows(rows).speeds(age, rates)
        rests = speed <= np.maximum(STATIONARY * np.abs(self.growth[rows]), self.noise)
        self.rests[rows] = rests | (age >= OLD)
        gains = self.clock.gain(self.begun.lacking[rows])
        for k in np.flatnonzero((y[:, -2] >= gains) & (age > 0)):
            if self.growth[rows[k]] > self.least:
                self.rung[rows[k]] = self.time_of(rows[k], gains[k])
            else:
                self.rests[rows[k]] = True

    def time_of(self, row: int, gain: float) -> float:
        """Return when a neuron has grown by the gain, within its last step."""
        node = self.nodes[row][-1]
        (curve,) = self.curves(np.array([row]), [node])
        age = gained(curve, gain, node.age, node.age + node.size)
        return float(self.since[row] + self.unit[row] * np.expm1(curve(age)[-1]))

    def curves(self, rows: Indices, nodes: list[_Node]) -> list[Callable[[float], Array]]:
        """Return age -> y of the neurons within these steps of theirs."""
        found = [node.curve for node in nodes]
        swept = [k for k, node in enumerate(nodes) if node.curve is None]
        if swept:
            steps = [nodes[k] for k in swept]
            ages, sizes = (np.array([getattr(n, each) for n in steps]) for each in ("age", "size"))
            ways = self.ways.rows(rows[swept])
            y = np.array([node.y for node in steps])
            for k, curve in zip(swept, curves(ways.velocity, ages, y, sizes), strict=True):
                found[k] = curve
        return cast("list[Callable[[float], Array]]", found)

    @property
    def lacking(self) -> Array:
        """What each lacks where it is (D,)."""
        return self.clock.after(self.begun.lacking, self.y[:, -2])

    def rings(self) -> Array:
        """Return when each rings, going on at its present growth; infinite if never (D,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            later = self.tau + np.maximum(self.lacking, 0.0) / self.growth
        resting = np.where(self.growth > self.least, later, math.inf)
        return np.asarray(np.minimum(self.rung, resting))

    def turns(self, home: Dormant) -> Array:
        """Return when each neuron at rest has shrunk to its initial norm (D,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            back = self.tau + np.maximum(home.lacking - self.lacking, 0.0) / -self.growth
        return np.where(self.rests & (self.growth < -self.least), back, math.inf)

    @property
    def deadline(self) -> float:
        """When the first neuron rings of those of which it is known, or the phase ends."""
        known = np.where(self.rests, self.rings(), self.rung)
        return float(known.min(initial=self.until))

    def going(self, rows: Indices) -> Indices:
        """Return which rows have still to be followed."""
        over = self.rests | np.isfinite(self.rung) | (self.tau >= self.deadline)
        return np.asarray(rows[~over[rows]])

    def follow(self, rows: Indices) -> None:
        """Follow neurons until they ring or rest, or another one has rung."""
        size = np.full(len(self.age), HARDLY)  # where directions hardly turn
        for _ in range(SWEPT):
            tick()
            rows = self.going(rows)
            if not rows.size:
                return
            self.sweep(rows, size)
        while (rows := self.going(rows)).size:
            self.follow_stiff(int(rows[self.rings()[rows].argmin()]))

    def sweep(self, rows: Indices, size: Array) -> None:
        """Take a step with all of them, each of its own `size`."""
        age, y = self.age[rows], self.y[rows]
        new, rates, good, after = step(
            self.ways.rows(rows).velocity,
            age,
            y,
            self.rates[rows],
            size[rows],
            self.tolerances.rtol,
            self.tolerances.atol,
        )
        for k in np.flatnonzero(good):
            self.nodes[rows[k]].append(_Node(age[k], size[rows[k]], y[k]))
        self.take(rows[good], (age + size[rows])[good], new[good], rates[good])
        size[rows] = np.minimum(after, self.tolerances.longest)

    def follow_stiff(self, row: int) -> None:
        """Follow a single neuron with a stiff method."""
        rows = np.array([row])
        ways, begin = self.ways.rows(rows), self.y[row].copy()
        for solver in stiff(ways, float(self.age[row]), begin, self.tolerances, self.steps):
            tick()
            size, before = solver.t - solver.t_old, self.y[row].copy()
            self.nodes[row].append(_Node(solver.t_old, size, before, solver.dense_output()))
            age, y = np.array([solver.t]), solver.y[None].copy()
            self.take(rows, age, y, ways.velocity(age, y))
            if not self.going(rows).size:
                return
        raise Breakdown(Status.NOT_ALIGNED, "directions of dormant neurons")

    def at(self, time: float) -> Dormant:
        """Return all neurons at a time up to the deadline."""
        places, lacking = self.y.copy(), self.lacking
        if math.isfinite(time):
            lacking = lacking - np.where(self.rests, self.growth * (time - self.tau), 0.0)
        rows = np.flatnonzero(self.tau > time)
        levels = np.log1p((time - self.since[rows]) / self.unit[rows])
        nodes = [self._within(int(row), level) for row, level in zip(rows, levels, strict=True)]
        found = zip(rows, levels, nodes, self.curves(rows, nodes), strict=True)
        for row, level, node, curve in found:
            age = _passes(curve, level, node)
            y = curve(age)
            places[row] = y
            lacking[row] = self.clock.after(self.begun.lacking[[row]], y[-2:-1])[0]
        return Dormant(self.ways.units(places), lacking)

    def _within(self, row: int, level: float) -> _Node:
        """Return the step of a neuron within which its logarithm of time comes to a level."""
        starts = [node.y[-1] for node in self.nodes[row]]
        return self.nodes[row][max(int(np.searchsorted(starts, level, side="right")) - 1, 0)]

    def phase(self) -> Phase:
        """Return the result, every neuron taken to the time of the first ring."""
        delay, times = self.deadline, self.rings()
        together = times <= delay * (1 + TIE)
        second = float(times[~together].min(initial=math.inf))
        return Phase(
            delay=delay,
            units=np.flatnonzero(together & np.isfinite(times)),
            margin=(second - delay) / delay if 0 < delay < math.inf else math.inf,
            after=self.at(delay),
            pull=self.pull,
            begun=self.begun,
        )


def _passes(curve: Callable[[float], Array], level: float, node: _Node) -> float:
    """Return the age within a step at which the logarithm of time comes to a level."""
    return crossing(lambda age: float(curve(age)[-1]) - level, node.age, node.age + node.size)
