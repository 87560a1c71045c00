"""Dormant neurons on the sphere: how they turn and grow until the first of them rings.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 3. While the residual
stands still a dormant neuron obeys θ' = ∇U(θ). With U homogeneous of degree κ and Û = U(θ̂),

    θ̂' = |θ|^{κ−2} P⊥ ∇U(θ̂),    |θ|' = κ |θ|^{κ−1} Û.

The clock is the accumulated utility S = ∫ κÛ, in scaled time: a neuron activates when it has
gathered what it lacks,

    A = (log h − log|θ|) / log(1/α)                     for κ = 2,
    A = (|θ/α|^{2−κ} − (h/α)^{2−κ}) / (κ − 2)           for κ > 2,

h the norm that counts as active, so that A' = −κÛ for every κ and α; in the limit α → 0 the second
terms vanish. The direction turns at the speed 1/s of its slowness s = (κ − 2) A + s₀, where s₀ is
(h/α)^{2−κ} or 1/log(1/α), and zero in the limit: alignment then takes no time for κ = 2, and is
complete when the norm blows up for κ > 2. Steps are therefore taken in a time that runs with the
fastest neuron, dτ = s_min dσ, and a neuron whose direction has come to rest is followed in closed
form.

A direction that rests where its utility has turned negative is unstable as a rule, and what would
make the neuron leave it is as small as the neuron has grown (conserved quantities such as u² − v²
stay at the scale of α²). So it shrinks, along the way that it came, back to its initial norm, and
starts anew from its initial direction: exactly so in diagonal networks.

===============  =========================================================================
code name        symbol
===============  =========================================================================
``directions``   θ̂, one neuron per row, (D, p)
``lacking``      A, the utility that each still has to gather, (D,)
``slowness``     s, (D,);  ``floor`` s₀
``growth``       κÛ, (D,)
``tau``          scaled time since the phase began
``sigma``        σ, the integrator's time
===============  =========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from saddles._numerics.stepping import Budget, Equation, Integration, Tolerances, crossing
from saddles._numerics.watch import tick
from saddles.agf._engine.clock import Clock, Dormant, Phase
from saddles.status import Breakdown, Status
from saddles.typing import Array, Mask

__all__ = ["Clock", "Dormant", "Phase", "first_ring"]

#: A direction rests once its speed is this small beside its growth κÛ: U is then wrong by about the
#: square of it.
RESTING = 1e-5
#: It rests as well where, beside the largest gradient, its speed is no more than the integrator's
#: error explains and has not changed by half in so many steps: directions without growth, such as
#: those of the active neurons, attract others that come to them from where U < 0.
HOVERING, IDLE = 1e-6, 100
#: A gradient this small, relative to the largest that was ever seen, is rounding.
NO_PULL = 1e-12
#: For κ > 2 a neuron rings, though its direction may still turn, when it lacks no more than this
#: share of what it lacked at first: the time that is left is rounding.
ALL_BUT = 1e-12
#: Clocks that differ by less than this, relative to the delay, ring together: about what the
#: integrator's error leaves open.
TIE = 1e-8
#: Local relative error of the directions.
WAY_RTOL = 1e-8
#: Steps after which directions that do not come to rest are given up: of neurons that are smooth,
#: and of those with kinks, along which they may have to slide in ever shorter steps.
WAY_STEPS, KINKED_WAY_STEPS = 20_000, 1_000


def first_ring(
    gradient: Callable[[Array], Array],
    dormant: Dormant,
    home: Dormant,
    clock: Clock,
    *,
    noise: float = 0.0,
    least: float = 0.0,
    rtol: float = WAY_RTOL,
    steps: int = WAY_STEPS,
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
    rtol : float
        Local relative error of the directions.
    steps : int
        Steps after which directions that do not come to rest are given up.

    Raises
    ------
    Breakdown
        If directions neither come to rest nor ring in many steps.
    """
    run = _Run(gradient, dormant, home, clock, noise, least, rtol, steps)
    for _ in range(steps):
        tick()
        if run.finished:
            return run.phase()
        run.step()
    raise Breakdown(
        Status.NOT_ALIGNED, f"directions of dormant neurons moved on after {steps} steps"
    )


class _Run:
    """The state of one phase: neurons at rest in closed form, the others on the integrator."""

    def __init__(
        self,
        gradient: Callable[[Array], Array],
        dormant: Dormant,
        home: Dormant,
        clock: Clock,
        noise: float,
        least: float,
        rtol: float,
        steps: int,
    ) -> None:
        self.gradient, self.clock, self.rtol = gradient, clock, rtol
        self.directions, self.lacking = dormant.directions.copy(), dormant.lacking.copy()
        self.home, self.begun = home, Dormant(self.directions.copy(), self.lacking.copy())
        power, start = clock.degree - 2, float(home.lacking.max(initial=0.0))
        self.log_end = float(np.logaddexp(clock.log_floor, math.log(ALL_BUT * power * start or 1)))
        self.away = np.linalg.norm(self.directions - home.directions, axis=1) > RESTING
        self.tau, self.since = 0.0, np.zeros(len(self.lacking))
        self.rung: float | None = None
        tangent, self.growth = self.split(self.directions)
        self.pull = float(np.hypot(np.linalg.norm(tangent, axis=1), self.growth).max(initial=0.0))
        self.noise = max(NO_PULL * self.pull, noise)
        self.least = max(self.noise, least)
        self.mark, self.idle = np.full(len(self.lacking), math.inf), np.zeros(len(self.lacking))
        self.moving = np.flatnonzero(~self.rests(tangent, self.growth))
        self.step_size: float | None = None
        self.budget = Budget(steps)
        self.restart()

    def split(self, directions: Array) -> tuple[Array, Array]:
        """Return P⊥∇U (D, p) and κÛ (D,), which is the radial part of ∇U by Euler's identity."""
        unit = _unit(directions)
        slope = self.gradient(unit)
        growth = np.sum(slope * unit, axis=1)
        return slope - growth[:, None] * unit, growth

    def rests(self, tangent: Array, growth: Array) -> Mask:
        """Return which directions stay where they are (D,)."""
        speed = np.linalg.norm(tangent, axis=1)
        return np.asarray(speed <= np.maximum(RESTING * np.abs(growth), self.noise))

    def hovers(self, tangent: Array) -> Mask:
        """Return which of the moving directions no longer move; counts the integrator's steps."""
        speed, moving = np.linalg.norm(tangent, axis=1), self.moving
        left = (speed < self.mark[moving] / 2) | (speed > 2 * self.mark[moving])
        self.mark[moving[left]], self.idle[moving[left]] = speed[left], 0
        self.idle[moving] += 1
        return np.asarray((self.idle[moving] > IDLE) & (speed <= HOVERING * self.pull))

    @property
    def resting(self) -> Mask:
        """Neurons at rest (D,)."""
        mask = np.ones(len(self.lacking), dtype=bool)
        mask[self.moving] = False
        return mask

    @property
    def finished(self) -> bool:
        """Whether the first ring is known."""
        if self.rung is None and self.moving.size == 0 and not self._first_turn() < math.inf:
            return True
        return self.rung is not None

    def ring_times(self) -> Array:
        """Return when each would ring, going on at its present growth; infinite if never (D,)."""
        grows = self.growth > self.least
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(grows, self.since + self.lacking / self.growth, math.inf)

    def _first_ring(self) -> float:
        """Return when the first neuron at rest rings."""
        return float(self.ring_times()[self.resting].min(initial=math.inf))

    def turn_times(self) -> Array:
        """Return when each neuron at rest is back at its initial norm; infinite if never (D,)."""
        shrinks = self.resting & self.away & (self.growth < -self.least)
        with np.errstate(divide="ignore", invalid="ignore"):
            back = self.since + (self.home.lacking - self.lacking) / np.abs(self.growth)
        return np.where(shrinks, back, math.inf)

    def _first_turn(self) -> float:
        """Return when the first neuron at rest is back at its start, if no clock rings before."""
        turn = float(self.turn_times().min(initial=math.inf))
        return turn if turn < self._first_ring() else math.inf

    def turn(self) -> None:
        """Let neurons that have shrunk back to their initial norm start anew from there."""
        times = self.turn_times()
        self.tau = max(float(times.min()), self.tau)
        back = np.flatnonzero(times <= self.tau * (1 + TIE))
        self.directions[back] = self.home.directions[back]
        self.lacking[back], self.since[back] = self.home.lacking[back], self.tau
        self.begun.directions[back] = self.home.directions[back]
        self.begun.lacking[back] = self.home.lacking[back]
        self.away[back] = False
        tangent, self.growth[back] = self.split(self.directions[back])
        moves = back[~self.rests(tangent, self.growth[back])]
        self.moving = np.sort(np.append(self.moving, moves))
        self.restart()

    def restart(self) -> None:
        """Put the moving neurons on a new integrator; y = (τ, clocks, directions)."""
        if self.moving.size == 0:
            return
        lacking = self.lacking[self.moving]
        clocks = lacking if self.clock.degree == 2 else self.clock.log_slowness(lacking)
        y = np.concatenate([[self.tau], clocks, self.directions[self.moving].ravel()])
        closely = Tolerances(rtol=self.rtol, atol=self.rtol * 1e-2, first=self.step_size)
        turning = Equation(self.velocity, y)
        self.steps = iter(Integration(turning, closely, self.budget, method="DOP853"))

    def unpack(self, y: Array) -> tuple[float, Array, Array]:
        """Return τ, the clocks (M,) and the directions (M, p)."""
        m = self.moving.size
        return float(y[0]), y[1 : m + 1], y[m + 1 :].reshape(m, -1)

    def velocity(self, _: float, y: Array) -> Array:
        """Return dy/dσ."""
        _, clocks, directions = self.unpack(y)
        tangent, growth = self.split(directions)
        if self.clock.degree == 2:
            rate = 1 / self.clock.scale
            return np.concatenate([[rate], -rate * growth, tangent.ravel()])
        fastest = float(clocks.min())
        speed = np.exp(fastest - clocks)
        slower = -(self.clock.degree - 2) * growth * speed
        return np.concatenate([[math.exp(fastest)], slower, (speed[:, None] * tangent).ravel()])

    def ahead(self, y: Array, deadline: float) -> tuple[float, float]:
        """Return two numbers that are positive until the deadline, and until a moving one rings."""
        tau, clocks, _ = self.unpack(y)
        left = clocks if self.clock.degree == 2 else clocks - self.log_end
        return 1 - tau / deadline if deadline else 0.0, float(left.min())

    def step(self) -> None:
        """Go on to the next step of the integrator, or to what happens within it."""
        if self.moving.size == 0:
            self.turn()
            return
        turn = self._first_turn()
        deadline = min(turn, self._first_ring())
        solver = next(self.steps, None)
        if solver is None:
            raise Breakdown(Status.NOT_ALIGNED, "directions of dormant neurons")
        y = solver.y
        if min(self.ahead(y, deadline)) > 0:
            self.take(y, solver.step_size)
            return
        y = self._within_step(solver, deadline)
        to_deadline, to_ring = self.ahead(y, deadline)
        self.take(y, solver.step_size)
        if to_ring <= to_deadline:
            self.rung = self.tau
        elif deadline == turn:
            self.turn()
        else:
            self.rung = deadline

    def _within_step(self, solver: Any, deadline: float) -> Array:
        """Return the state within the last step at which a deadline passes or a clock rings."""
        within = solver.dense_output()

        def passed(sigma: float) -> float:
            return -min(self.ahead(within(sigma), deadline))

        return np.asarray(within(crossing(passed, solver.t_old, solver.t)))

    def take(self, y: Array, step_size: float) -> None:
        """Store where the moving neurons are, and let those that have come to rest rest."""
        self.step_size = float(step_size)
        self.tau, clocks, directions = self.unpack(y)
        moving, two = self.moving, self.clock.degree == 2
        self.directions[moving] = _unit(directions)
        self.lacking[moving] = clocks if two else self.clock.from_log_slowness(clocks)
        self.since[moving] = self.tau
        tangent, self.growth[moving] = self.split(self.directions[moving])
        rests = self.rests(tangent, self.growth[moving]) | self.hovers(tangent)
        if rests.any():
            self.moving = moving[~rests]
            self.restart()

    def phase(self) -> Phase:
        """Return the result, every neuron taken to the time of the first ring."""
        times = self.ring_times()
        delay = float(times.min()) if self.rung is None else self.rung
        together = times <= delay * (1 + TIE)
        together[times.argmin()] |= self.rung is not None
        second = float(times[~together].min(initial=math.inf))
        lacking = self.lacking
        if math.isfinite(delay):
            lacking = lacking - self.growth * np.maximum(delay - self.since, 0.0)
        return Phase(
            delay=delay,
            units=np.flatnonzero(together & np.isfinite(times)),
            margin=(second - delay) / delay if 0 < delay < math.inf else math.inf,
            after=Dormant(self.directions, lacking),
            pull=self.pull,
            begun=self.begun,
        )


def _unit(rows: Array) -> Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
