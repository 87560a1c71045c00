"""The jump: a neuron that rings is turned to where it activates, and let in, small.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), Algorithm 1: what happens
between the steps of utility and cost. The clocks and directions of the others are taken along, and
so are the deviations that tell when neurons part.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from saddles.agf._engine.active import amplitude, reach
from saddles.agf._engine.clock import Dormant, Phase
from saddles.agf._engine.levels import AMPLITUDE, DONE, HARDLY, ROUNDING
from saddles.agf._engine.parting import Deviations, alike, bends
from saddles.agf._engine.setting import Setting
from saddles.agf._engine.state import State
from saddles.agf._engine.utility_step import FirstClocks
from saddles.agf._engine.way import align
from saddles.alternation import Ring
from saddles.typing import Array

__all__ = ["jump"]

#: The inverse of the softest curvature of a loss, relative to the largest, by which a force moves
#: the residual.
SOFT = 1e3


def jump(setting: Setting, state: State, ring: Ring) -> State:
    """Take all clocks and directions to the ring, and let the units that rang in, small."""
    assert isinstance(ring, FirstClocks)
    state = ring.since
    rows = np.flatnonzero(~state.active)
    directions, lacking = state.dormant.directions.copy(), state.dormant.lacking.copy()
    directions[rows], lacking[rows] = ring.phase.after.directions, ring.phase.after.lacking
    theta, active = state.theta.copy(), state.active.copy()
    sizes = np.linalg.norm(theta, axis=1)
    for unit, row in zip(rows[ring.phase.units], ring.phase.units, strict=True):
        direction, sizes[unit], small = _activated(setting, state, ring.phase, row)
        directions[unit], theta[unit] = direction, small * direction
    deviations, parting = state.deviations, ring.parting
    if setting.parts:
        deviations = _deviated(setting, state, directions, ring.delay)
    parts = parting.due(ring.delay)
    if parts:
        apart = np.flatnonzero(state.active)[parting.rows]
        theta[apart] += AMPLITUDE * parting.aside[parting.rows]
    active[ring.units] = True
    return replace(
        state,
        jumps=state.jumps + 1,
        time=state.time + ring.delay,
        theta=theta,
        sizes=sizes,
        active=active,
        previous=state.active,
        dormant=Dormant(directions, lacking),
        rang=ring.units,
        margin=ring.margin,
        unique=state.unique and ring.phase.unique,
        pull=state.pull or ring.phase.pull,
        deviations=deviations,
        conjectured=state.conjectured or (parts and parting.conjectured),
    )


def _deviated(
    setting: Setting, state: State, directions: Array, delay: float
) -> tuple[Deviations, ...]:
    """Return the deviations after a delay, of dormant and active neurons alike."""
    units = directions.copy()
    units[state.active] = state.neurons / np.linalg.norm(state.neurons, axis=1, keepdims=True)
    first = alike(units)
    every = np.unique(first)
    matrices = dict(zip(every, bends(setting.network, units[every], state.neurons), strict=True))
    found = []
    for known, row in zip(state.deviations, first, strict=True):
        later, rates = known.along(units[row], matrices[row])
        found.append(later.grown(rates, delay))
    return tuple(found)


def _activated(
    setting: Setting, state: State, phase: Phase, row: int
) -> tuple[Array, float, float]:
    """Return the direction of a neuron that rings, the norm that it comes to, and its norm there.

    That is small, and from a finite α the neuron has not turned all the way yet. For κ = 2 it is
    taken to have: what is left to turn takes a time of order log(1/α) to show.
    """
    direction, degree = phase.after.directions[row], setting.clock.degree
    finite = degree > 2 and math.isfinite(setting.clock.scale)
    pull, blur = setting.pull(state.neurons), _blur(setting, state)
    if phase.begun is not None and not finite:  # else the network's own phases end at rest
        direction = align(pull, direction, blur=blur, balance=setting.balance)
    size = reach(setting.network, state.neurons, direction)
    small = amplitude(degree) * size
    if phase.begun is None or not finite:
        return direction, size, small
    begun = phase.begun.directions[row]
    first = float(setting.clock.log_norms(phase.begun.lacking[row : row + 1])[0])
    gain = math.log(small) - first
    if not setting.network.utility(begun[None], state.neurons)[0] > 0:
        gain = max(gain, ROUNDING)  # first it shrinks, then it is back and grows
    turned = align(pull, begun, gain=gain, blur=blur, balance=setting.balance)
    return turned, size, max(small, min(math.exp(first), size))


def _blur(setting: Setting, state: State) -> float:
    """Return what share of the utility's gradient an infimum at infinity leaves open, a small one.

    The residual has still to change by the root of what the loss has still to fall; beside a
    critical point that was searched for, by the force over the softest curvature.
    """
    ahead = math.sqrt(state.creep * setting.start / state.loss)
    return min(max(DONE, ahead, SOFT * state.stationarity), HARDLY)
