"""Dormant ReLU neurons: how they turn and grow until the first of them rings.

The ways of the neurons are those of `broken_lines` (one output, in the limit α → 0) and of
`exponential_ways`; here they are set against the clock. In scaled time τ = t / log(1/α) a neuron
rings when log|θ| has grown by what it lacks; in the limit turning takes no time, and it
rings after A/(κÛ) with Û the utility where its direction ends.

With several outputs, neurons that share a direction θ̂ with an active one are at a saddle of the
utility, M w = 0 and P Mᵀa = 0 but PM ≠ 0: they part, each by what little it differs from the
others, as those of a linear network do when it learns its next mode. The path stops there.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``lacking``      A, what log|θ| / log(1/α) still has to grow by, (D,)
``growth``       κÛ, the rate of log|θ| where the direction ends, (D,)
===============  ==========================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saddles.agf._engine.dormant import Clock, Dormant, Phase
from saddles.agf._engine.levels import AMPLITUDE, TIE
from saddles.agf._relu.broken_lines import End, neurons_climb
from saddles.agf._relu.exponential_ways import Way, held_rates, turn
from saddles.agf._relu.network import ReluNetwork
from saddles.agf._relu.piecewise import SAME_DIRECTION, Pulls
from saddles.status import Breakdown, Status
from saddles.typing import Array, Mask

__all__ = ["first_ring"]


def first_ring(
    network: ReluNetwork, dormant: Dormant, active: Array, *, clock: Clock, noise: float
) -> Phase:
    """Follow dormant neurons until the first of them activates.

    Parameters
    ----------
    network : ReluNetwork
        The network and its data.
    dormant : Dormant
        Where the neurons are.
    active : ndarray of shape (A, d + q)
        The active ones.
    clock : Clock
        The initial scale.
    noise : float
        Rates that count as none.

    Raises
    ------
    Breakdown
        If a way does not end, or is that of neurons that part.
    """
    residual = np.reshape(network.residual(active), network.columns.shape)
    if network.widths[1] > 1:
        _refuse_parting(network, residual, dormant, active, noise)
    if math.isinf(clock.scale):
        ends = _ends(network, residual, dormant.directions, noise)
        found = _in_the_limit(ends, dormant, noise)
    else:
        pulls = Pulls.of(network.X, residual, network.slope, noise=noise)
        ways = [_way(pulls, row, noise) for row in dormant.directions]
        found = _at_a_scale(ways, dormant, clock.scale)
    pulled = network.utility_gradient(dormant.directions, active)
    second = float(found.times[~found.together].min(initial=math.inf))
    delay = found.delay
    return Phase(
        delay=delay,
        units=np.flatnonzero(found.together),
        margin=(second - delay) / delay if 0 < delay < math.inf else math.inf,
        after=found.after,
        pull=float(np.linalg.norm(pulled, axis=1).max(initial=0.0)),
        unique=found.unique,
    )


def _refuse_parting(
    network: ReluNetwork, residual: Array, dormant: Dormant, active: Array, noise: float
) -> None:
    """Stop if an active neuron shares an unstable direction with another one."""
    if not len(active):
        return
    pulls = Pulls.of(network.X, residual, network.slope, noise=noise)
    units = active / np.linalg.norm(active, axis=1, keepdims=True)
    others = np.vstack([units, dormant.directions])
    for unit in units:
        together = np.abs(others - unit).max(axis=1) <= SAME_DIRECTION
        if np.count_nonzero(together) > 1 and held_rates(pulls, unit).max() > noise:
            raise Breakdown(Status.NEURONS_PART)


@dataclass(frozen=True, eq=False)
class _End:
    """Where the direction θ/|θ| of a neuron ends, and how it grows there."""

    direction: Array
    growth: float
    unique: bool


@dataclass(frozen=True, eq=False)
class _Found:
    """When every neuron would ring (D,), which ring first (D,), and where all are then."""

    times: Array
    together: Mask
    after: Dormant
    unique: bool

    @property
    def delay(self) -> float:
        """Return the first of the times."""
        return float(self.times.min(initial=math.inf))


def _in_the_limit(ends: list[_End], dormant: Dormant, noise: float) -> _Found:
    """Let neurons grow where their directions end."""
    growth = np.array([end.growth for end in ends])
    growth[np.abs(growth) <= noise] = 0.0
    times = np.full(len(growth), math.inf)
    np.divide(dormant.lacking, growth, out=times, where=growth > 0)
    delay = float(times.min(initial=math.inf))
    together = np.isfinite(times) & (times <= delay * (1 + TIE))
    lacking = dormant.lacking - growth * delay if math.isfinite(delay) else dormant.lacking
    directions = np.array([end.direction for end in ends])
    unique = all(end.unique for end in ends)
    return _Found(times, together, Dormant(directions, lacking), unique)


def _at_a_scale(ways: list[Way], dormant: Dormant, scale: float) -> _Found:
    """Let neurons grow on their ways; those that ring are taken on to where their ways end.

    With the first ring those that are bound for the same direction, and no smaller beside the first
    than new neurons are at the start of their descent.
    """
    wanted = [way.ring(scale * lack) for way, lack in zip(ways, dormant.lacking, strict=True)]
    times, unique = np.array(wanted) / scale, all(way.unique for way in ways)
    together = np.isfinite(times) & (times <= times.min(initial=math.inf) * (1 + TIE))
    if not together.any():
        return _Found(times, together, dormant, unique)
    delay, first = float(times.min()), ways[int(times.argmin())]
    states = [way.at(delay * scale) for way in ways]
    directions = np.array([direction for direction, _ in states])
    lacking = dormant.lacking - np.array([grown for _, grown in states]) / scale
    bound = np.array(
        [np.abs(way.direction - first.direction).max() <= SAME_DIRECTION for way in ways]
    )
    together |= bound & (lacking * scale <= -math.log(AMPLITUDE))
    for unit in np.flatnonzero(together):
        directions[unit] = ways[unit].direction
    return _Found(times, together, Dormant(directions, lacking), unique)


def _ends(network: ReluNetwork, residual: Array, directions: Array, noise: float) -> list[_End]:
    """Return where every direction ends."""
    if residual.shape[1] == 1:
        utility = network.lines.utility(residual[:, 0], network.slope).bent(noise)
        return [_arrived(end) for end in neurons_climb(utility, directions)]
    pulls = Pulls.of(network.X, residual, network.slope, noise=noise)
    ways = [_way(pulls, row, noise) for row in directions]
    return [_End(way.direction, way.growth, way.unique) for way in ways]


def _way(pulls: Pulls, neuron: Array, noise: float) -> Way:
    """Return the way of one dormant neuron (d + q,)."""
    way = turn(pulls, neuron, noise=noise)
    if way is None:
        raise Breakdown(Status.STALLED, "the direction of a dormant ReLU neuron")
    if way.vanishes:
        raise Breakdown(
            Status.STALLED,
            "a dormant ReLU neuron with |a| > |w| comes to w = 0 on a kink, from where its way is "
            "not determined; start with |a| <= |w|",
        )
    return way


def _arrived(end: End | None) -> _End:
    """Return where a dormant neuron (w, a) with a single output ends, from where its w does."""
    if end is None:
        raise Breakdown(Status.STALLED, "the direction of a dormant ReLU neuron")
    direction = np.append(end.direction, end.sign * end.ratio)
    return _End(direction / np.linalg.norm(direction), end.growth, end.unique)
