"""Neurons in polar coordinates: log norms and directions, and the length of their trajectory.

A neuron of degree κ under a residual r turns and grows by the gradient u of its utility U at its
*unit* direction d,

    l' = e^{(κ−2)l} <d, u>,   d' = e^{(κ−2)l} (u − <d, u> d),   u = E<∇f(x; d), r(x)>,

with l = log|θ|. These are the equations of the whole flow, not of dormant neurons alone, if r is
the residual of all neurons: one that underflows, e^l = 0, adds exactly nothing to r and keeps its l
and d. An error in l is a relative error in θ, so that one absolute tolerance serves every α.

For κ > 2 a dormant neuron lives on the time scale α^{2−κ} and an active one on that of 1, which may
differ by a factor that no float holds. The integrator's variable s is therefore the length of the
trajectory in these coordinates, about: ds = w dσ with σ the scaled time and w, the pace, what
follows the speed of what moves, all in logarithms. Neurons at rest do not count, and their rates of
relaxation are cut at ``fastest``.

A neuron that is balanced stays so, but for rounding, which grows like e^{−2l} while it shrinks. So
directions that begin on the cone of balanced ones are put back onto it wherever they are used.

================  ==================================================================
code name         symbol
================  ==================================================================
``logs``          λ = l + log(1/α), growth since α, shape (H,)
``directions``    d, one neuron per row, shape (H, p)
``pulls``         <d, u> = κ U(d), the growth, and u − <d, u> d, the turn, both divided by the
                  largest |u| before anything is learnt; shape (H, 1 + p)
``sigma``         σ, scaled time in which that |u| is 1: σ/τ is ``speed``
``state[1]``      log w = log ds/dσ, times `PACE_SCALE`; 0 for κ = 2, where s = σ
``rates``         dσ_i/ds, the proper time of each neuron, shape (H,)
================  ==================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles._numerics.balance import Balance
from saddles._numerics.precision import CUT_EXPONENT
from saddles._numerics.stepping import bounded
from saddles.flow._polar.space import OUT_OF_SPACE, Within
from saddles.homogeneous import Declared
from saddles.typing import Array, Mask

__all__ = ["FASTEST", "PULL_ROUNDING", "Polar"]

#: Log of a neuron's part in what explains the data below which it leaves the pull of others alone.
UNSEEN = math.log(1e-18)

#: Steps in which directions are let climb their utility, to see how strong a pull may become. They
#: gain by a power of what they have, so that few do.
CLIMB = 50

#: By how much coordinates, all of them of order one in effect, are moved for a derivative to one
#: side, as Newton's method needs it.
NEWTON_STEP = 1e-7

#: Largest rate of relaxation, in units of s, at the tightest tolerances. A neuron that would relax
#: faster is at rest: what is left of its pull is below `AT_REST`. Rounding of a pull, times this,
#: must stay below the tolerance of a step, or flat directions (of which wide networks have many)
#: would wander.
FASTEST = 1e6

#: Rounding of a pull, in units of EPS.
PULL_ROUNDING = 2.0

#: The pace follows the speed of what moves at this distance in s. Without it, the velocity would be
#: that of a unit vector, which turns at once where neurons relax to a slowly moving point, and no
#: implicit step would converge. Above 1/e, it would not keep up with the growth before a jump of
#: neurons of degree 3; a degree κ grows κ − 2 times as fast.
LAG = 0.2

#: The log of the pace is integrated at this scale. Any pace follows the same trajectory: it needs
#: no accuracy.
PACE_SCALE = 1e-4

#: A neuron whose relative pull is below this is at rest and does not set the pace.
AT_REST = 1e-6

#: Smallest relative pull whose logarithm is taken; no pace hears of it.
LEAST_PULL = 1e-6 * AT_REST

#: A rate above which a neuron relaxes: its log norm moves by less than rounding leaves of it.
RELAXING = 1e3


@dataclass(frozen=True, eq=False)
class Polar:
    """The flow in polar coordinates, packed into one vector: σ, log w, (λ, d) of each neuron."""

    network: Declared
    theta: Array
    """The start divided by α, shape (H, p)."""
    scale: float
    """log(1/α)."""
    unit: float
    """The largest pull that neurons may meet before anything is learnt."""
    natural: float
    """Log norm at which a neuron explains the data."""
    fastest: float = FASTEST
    """Largest rate of relaxation, in units of s."""
    shake: Array | float = 0.0
    """Velocity (H, p) that is added to that of the directions, to see what it changes."""
    space: Within | None = None
    """The space in whose coordinates the neurons are, if it is not that of their parameters."""
    balance: Balance | None = None
    """What puts neurons onto the cone of balanced ones, if the network has one."""

    @classmethod
    def of(
        cls, network: Declared, theta: Array, scale: float, space: Within | None = None
    ) -> Polar:
        """Measure the units at the start."""
        norms = np.linalg.norm(theta, axis=1, keepdims=True)
        begin = theta * math.exp(-scale)
        unit = _strongest(network, theta / norms, begin)
        natural = 0.0
        if unit > 0 and (loss := network.loss(begin)) > 0:
            natural = (math.log(loss) - math.log(unit)) / network.degree
        return cls(network, theta, scale, unit, natural, space=space, balance=_kept(network, space))

    @cached_property
    def balanced(self) -> Mask:
        """Return which neurons (H,) are balanced."""
        if self.balance is None:
            return np.zeros(len(self.theta), dtype=bool)
        return self.balance.holds(self._lifted(_unit(self.theta)))

    def _lifted(self, rows: Array) -> Array:
        return rows if self.space is None else self.space.lift(rows)

    def onto(self, directions: Array, rows: Mask) -> Array:
        """Return unit vectors (m, p), of which those of balanced `rows` (m,) are on the cone."""
        units = _unit(directions)
        if self.balance is None or not rows.any():
            return units
        found = self.balance.onto(self._lifted(units), rows)
        return found if self.space is None else np.asarray(found @ self.space.basis)

    def tangents(self, directions: Array, rows: Mask) -> Array:
        """Return the derivative of `onto`, (m, p, p)."""
        found = _sphere(directions)
        if self.balance is not None and rows.any():
            inner = self.balance.tangents(self._lifted(directions[rows]))
            basis = None if self.space is None else self.space.basis
            found[rows] = inner if basis is None else basis.T @ inner @ basis
        return found

    @property
    def excess(self) -> int:
        """Return κ − 2."""
        return self.network.degree - 2

    @property
    def lag(self) -> float:
        """Return at which distance in s the pace follows."""
        return LAG / max(1, self.excess)

    @property
    def speed(self) -> float:
        """Return σ/τ."""
        return self.unit * (1.0 if self.excess else self.scale)

    def start(self) -> Array:
        """Return the packed start."""
        norms = np.linalg.norm(self.theta, axis=1, keepdims=True)
        state = np.append([0.0, 0.0], np.hstack([np.log(norms), self.theta / norms]))
        state[1] = PACE_SCALE * self.pace(np.log(norms[:, 0]), self.pulls(state))[0]
        return state

    def unpack(self, state: Array) -> tuple[Array, Array]:
        """Return λ (H,) and d (H, p) as integrated."""
        cells = state[2:].reshape(-1, self.theta.shape[1] + 1)
        return cells[:, 0], cells[:, 1:]

    def neurons(self, state: Array) -> tuple[Array, Array]:
        """Return θ (H, p), of which neurons that underflow are zero, and θ/|θ|."""
        logs, directions = self.unpack(state)
        units = self.onto(directions, self.balanced)
        sizes = np.minimum(logs - self.scale, self.natural + CUT_EXPONENT)
        return np.asarray(np.exp(sizes)[:, None] * units), units

    def pulls(self, state: Array) -> Array:
        """Return growth and turn of each neuron, shape (H, 1 + p)."""
        theta, units = self.neurons(state)
        return self._pulled(units, theta)

    def _pulled(self, units: Array, theta: Array) -> Array:
        """Return growth and turn of directions (m, p) beside neurons (H, p), shape (m, 1 + p)."""
        pull = self.network.utility_gradient(units, theta[theta.any(axis=1)]) / self.unit
        growth = np.sum(units * pull, axis=1, keepdims=True)
        return np.hstack([growth, pull - growth * units])

    def turning(self, directions: Array, theta: Array, rows: Mask) -> Array:
        """Return how fast directions (m, p) would turn beside neurons (H, p), for κ = 2."""
        units = self.onto(directions, rows)
        turn = self._pulled(units, theta)[:, 1:] + units - _unit(directions)
        return np.asarray(turn + self._back(directions))

    def _back(self, directions: Array) -> Array:
        """Return what takes directions back to the sphere, at the pace of the integrator's time."""
        return np.asarray((1 - np.sum(directions**2, axis=1, keepdims=True)) * directions)

    def pace(self, logs: Array, pulls: Array) -> tuple[float, Array]:
        """Return the log of the speed of what moves, and each neuron's share in it.

        Neurons at rest have no part in it however fast they would relax: hence the factor
        exp(−(AT_REST/|pull|)²).
        """
        if not self.excess:
            return 0.0, np.zeros_like(logs)
        sizes = np.maximum(np.linalg.norm(pulls, axis=1), LEAST_PULL)
        moving = 2 * (self.excess * logs + np.log(sizes) - (AT_REST / sizes) ** 2)
        speed = float(np.logaddexp.reduce(np.append(moving, 0.0))) / 2
        return speed, np.exp(moving - 2 * speed)

    def rates(self, state: Array) -> Array:
        """Return dσ_i/ds (H,), the proper time of each neuron."""
        logs, _ = self.unpack(state)
        free = self.excess * logs - state[1] / PACE_SCALE
        return np.asarray(np.exp(np.minimum(free, math.log(self.fastest))))

    def velocity(self, _s: float, state: Array) -> Array:
        """Return the derivative of the state with respect to s."""
        logs, directions = self.unpack(state)
        with np.errstate(over="ignore", invalid="ignore"):
            pulls = self.pulls(state)
            speed, _ = self.pace(logs, pulls)
            rates = self.rates(state)
            moved = rates[:, None] * pulls
            moved[:, 1:] += self._back(directions)
            moved[:, 1:] += self.onto(directions, self.balanced) - _unit(directions)
            moved[:, 1:] += np.minimum(rates, 1.0)[:, None] * self.shake
            behind, _ = _catching_up(speed - state[1] / PACE_SCALE)
            slower = [np.exp(-state[1] / PACE_SCALE), PACE_SCALE * behind / self.lag]
        return bounded(np.append(slower, moved))

    def jacobian(self, _s: float, state: Array) -> Array:
        """Return the derivative of `velocity`, shape (2 + H + Hp, 2 + H + Hp)."""
        logs, directions = self.unpack(state)
        count, size = directions.shape
        matrix = np.zeros((state.size, state.size))
        with np.errstate(over="ignore", invalid="ignore"):
            pulls = self.pulls(state)
            speed, shares = self.pace(logs, pulls)
            _, steeper = _catching_up(speed - state[1] / PACE_SCALE)
            rates = self.rates(state)
            changes = self._newton_changes(state, pulls)
            sizes = np.maximum(np.linalg.norm(pulls, axis=1), LEAST_PULL)
            steep = shares * (1 / sizes**2 + 2 * AT_REST**2 / sizes**4)
            speeds = np.einsum("i,ic,icjk->jk", steep, pulls, changes)
            speeds[:, 0] += self.excess * shares
            free = rates * (rates < self.fastest)
            moved = rates[:, None, None, None] * changes
            diagonal = np.arange(count)
            moved[diagonal, :, diagonal, 0] += self.excess * free[:, None] * pulls
            off = 1 - np.sum(directions**2, axis=1)[:, None, None]
            outer = directions[:, :, None] * directions[:, None]
            moved[diagonal, 1:, diagonal, 1:] += off * np.eye(size) - 2 * outer
            back = self.tangents(directions, self.balanced) - _sphere(directions)
            moved[diagonal, 1:, diagonal, 1:] += back
            matrix[0, 1] = -np.exp(-state[1] / PACE_SCALE) / PACE_SCALE
            matrix[1, 2:] = PACE_SCALE * steeper / self.lag * speeds.ravel()
            matrix[2:, 1] = -(free[:, None] * pulls).ravel() / PACE_SCALE
        matrix[1, 1] = -steeper / self.lag
        matrix[2:, 2:] = moved.reshape(count * (1 + size), -1)
        return bounded(matrix)

    def _newton_changes(self, state: Array, pulls: Array) -> Array:
        """Return as much of `changes` as makes Newton's method converge.

        For κ > 2 neurons that are not seen move no faster than the pace, and so are never stiff.
        """
        count, size = pulls.shape
        logs, _ = self.unpack(state)
        seen = self.seen(logs)
        if not self.excess or self.network.hessian is None:
            return self.changes(state, pulls, NEWTON_STEP)
        changes = np.zeros((count, size, count, size))
        if seen.any():
            cells = state[2:].reshape(count, size)[seen]
            part = np.append(state[:2], cells)
            rows = np.flatnonzero(seen)
            inner = self._exact_changes(
                self.network.hessian, part, pulls[seen], self.balanced[seen]
            )
            changes[rows[:, None], :, rows] = inner.transpose(0, 2, 1, 3)
        return changes

    def changes(self, state: Array, pulls: Array, step: float) -> Array:
        """Return the derivatives of `pulls`, shape (H, 1 + p, H, 1 + p).

        They follow from the second derivatives of the loss, or are differences over `step`.
        """
        if self.network.hessian is None:
            return self._differences(state, pulls, step)
        return self._exact_changes(self.network.hessian, state, pulls, self.balanced)

    def _exact_changes(self, hessian: Any, state: Array, pulls: Array, rows: Mask) -> Array:
        """Return the derivatives of `pulls` from the Hessian of the loss.

        With n_i = |θ_i|, ∂L/∂θ_i = −n_i^{κ−1} u_i, so that −n_i^{1−κ} ∂²L/∂θ_i∂θ_j is ∂u_i/∂θ_j,
        and for j = i the derivative of u_i with its size restored: (κ−1) u_i more over l_i. Every
        block is a product of powers of n_i and n_j. Blocks j = i also hold n_i^{2κ−2}, next to
        n_i^{κ−2}: neurons too small to be seen are enlarged to the size at which they would be.
        """
        logs, directions = self.unpack(state)
        count, size = directions.shape
        units, tangents = self.onto(directions, rows), self.tangents(directions, rows)
        least, most = UNSEEN / self.network.degree, CUT_EXPONENT
        norms = np.exp(self.natural + np.clip(logs - self.scale - self.natural, least, most))
        curvature = hessian(norms[:, None] * units, np.eye(size)) / self.unit
        pull = pulls[:, :1] * units + pulls[:, 1:]
        own, seen = np.arange(count), self.seen(logs)
        acts = seen | np.eye(count, dtype=bool)
        reach = norms * acts * norms[:, None] ** (1 - self.network.degree)
        slopes = -curvature.reshape(count, size, count, size) * reach[:, None, :, None]
        along = np.einsum("icjk,jk->icj", slopes, units)
        across = np.einsum("icjk,jkl->icjl", slopes, tangents)
        along[own, :, own] -= (self.network.degree - 1) * pull
        along[own[~seen], :, own[~seen]] = 0.0
        moved = np.concatenate([along[..., None], across], axis=3)

        growth = np.einsum("ic,icjk->ijk", units, moved)
        growth[own, own, 1:] += np.einsum("ic,ick->ik", pull, tangents)
        turn = moved - units[:, :, None, None] * growth[:, None]
        turn[own, :, own, 1:] -= pulls[:, :1, None] * tangents
        return np.concatenate([growth[:, None], turn], axis=1)

    def _differences(self, state: Array, pulls: Array, step: float) -> Array:
        """Return the derivatives of `pulls` by differences.

        A neuron too small to be seen in the residual changes its own pull alone: all such neurons
        are moved at once, one coordinate at a time.
        """
        count, size = pulls.shape
        logs, _ = self.unpack(state)
        seen = self.seen(logs)
        changes = np.zeros((count, size, count, size))

        def change(moved: Any, k: int) -> Array:
            nearby = state.copy()
            nearby[2:].reshape(count, size)[moved, k] += step
            return (self.pulls(nearby) - pulls) / step

        for k in range(size):
            for i in np.flatnonzero(seen):
                changes[:, :, i, k] = change(i, k)
            if (rest := np.flatnonzero(~seen)).size:
                changes[rest, :, rest, k] = change(rest, k)[rest]
        return changes

    def overflows(self, state: Array) -> bool:
        """Say whether a neuron has left the range of float64."""
        logs, _ = self.unpack(state)
        return bool(logs.max() - self.scale - self.natural > CUT_EXPONENT)

    def seen(self, logs: Array) -> Any:
        """Return which neurons (H,) are large enough to act on others."""
        return self.network.degree * (logs - self.scale - self.natural) > UNSEEN

    def log_slope(self, state: Array) -> float:
        """Return log(−dL/dτ): Σ|∂L/∂θ_i|² dt/dτ, |∂L/∂θ_i| = e^{(κ−1)l_i}|u_i|."""
        logs, _ = self.unpack(state)
        with np.errstate(divide="ignore"):
            sizes = np.log(np.linalg.norm(self.pulls(state), axis=1) * self.unit)
        steep = 2 * (self.network.degree - 1) * (logs - self.scale) + 2 * sizes
        unit_of_time = self.excess * self.scale if self.excess else math.log(self.scale)
        return float(np.logaddexp.reduce(steep)) + unit_of_time

    def balances(self, state: Array) -> Array:
        """Return the derivatives of (L, λ) with respect to s, shape (1 + H,).

        NaN for a neuron that relaxes: its velocity is rounding times a large rate.
        """
        logs, _ = self.unpack(state)
        pulls = self.pulls(state)
        rates = self.rates(state)
        squares = np.sum(pulls**2, axis=1) * self.unit
        work = np.exp(self.network.degree * (logs - self.scale)) * rates * squares
        growth = np.where(rates < RELAXING, rates * pulls[:, 0], math.nan)
        return np.append(-np.sum(work), growth)


def _unit(rows: Array) -> Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _sphere(rows: Array) -> Array:
    """Return the derivative of `_unit`, (H, p, p)."""
    lengths = np.linalg.norm(rows, axis=1)[:, None, None]
    units = rows[:, :, None] / lengths
    return np.asarray((np.eye(rows.shape[1]) - units * units.transpose(0, 2, 1)) / lengths)


def _kept(network: Declared, space: Within | None) -> Balance | None:
    """Return what puts neurons onto their cone, where that does not lead out of the space."""
    known = network if space is None else space.network
    if known.conserved is None:
        return None
    if space is not None:
        turned = known.conserved[:, None] * space.basis
        outside = turned - space.basis @ (space.basis.T @ turned)
        if np.abs(outside).max() > OUT_OF_SPACE * np.abs(turned).max():
            return None
    return Balance(known.conserved)


def _strongest(network: Declared, directions: Array, beside: Array) -> float:
    """Return the largest |u| that `directions` (H, p) meet as they climb their utility.

    That at the start may be far smaller: a neuron nearly orthogonal to the targets feels next to
    nothing at first.
    """
    strongest = 0.0
    for _ in range(CLIMB):
        pulls = network.utility_gradient(directions, beside)
        sizes = np.linalg.norm(pulls, axis=1, keepdims=True)
        strongest = max(strongest, float(sizes.max()))
        directions = np.divide(pulls, sizes, out=directions.copy(), where=sizes > 0)
    return strongest


def _catching_up(behind: float) -> tuple[float, float]:
    """Return how fast the log of the pace, so far behind, moves in units of 1/lag; its derivative.

    What moves may speed up by any factor while it turns by a little: a neuron that is nearly
    orthogonal to all that pulls it does. A pace that is behind by the factor e^D lets it move e^D
    times as far; so the pace must make up for more than that, or it would never catch up.
    """
    if behind <= 0:
        return behind, 1.0
    square = math.exp(min(2 * behind, CUT_EXPONENT))
    return (square - 1) / 2, square
