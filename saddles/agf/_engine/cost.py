"""The cost step: active neurons descend, and those that come back to zero are dormant again.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), Algorithm 1: the minimisation
of the cost. `active` follows the neurons; from a saddle that the flow leaves, `leaving` goes on.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from saddles.agf._engine.active import MANY, Descent, descend_neurons, settle
from saddles.agf._engine.clock import Dormant
from saddles.agf._engine.creep import FARTHEST
from saddles.agf._engine.error_bars import grown_on
from saddles.agf._engine.leaving import left
from saddles.agf._engine.levels import AMPLITUDE, DONE, HARDLY
from saddles.agf._engine.parting import alike
from saddles.agf._engine.setting import Setting
from saddles.agf._engine.state import State
from saddles.status import Breakdown, Status
from saddles.typing import Array, Mask

__all__ = ["closer", "cost"]


def cost(setting: Setting, state: State) -> State:
    """Let the active neurons descend, and those that return to zero be dormant again.

    A jump beside neurons at infinity has to learn more than what they have still to fall: else what
    pulled was their creep.
    """
    found, directions = _descended(setting, state)
    lasted = found.lasted
    finite = math.isfinite(setting.clock.scale)
    if setting.own is None and not setting.crept and (found.creep or finite):
        setting.crept.append(state)
    gone = _gone(setting, found.theta)
    if gone.any():
        rest = found.theta[~gone]
        if setting.own is not None:
            found, _ = setting.own.descend(rest, directions[:0], near=True)
        else:
            found = settle(setting.network, rest, found, creep=setting.limits.creep)
    units = np.flatnonzero(state.active)
    theta, active = np.zeros_like(state.theta), state.active.copy()
    theta[units[~gone]] = found.theta
    active[units[gone]] = False
    dormant, was = state.dormant, state.theta[state.previous]
    lacking = grown_on(setting, dormant.directions, dormant.lacking.copy(), was, lasted)
    lacking[units] = 0.0
    loss = float(setting.network.loss(found.theta)) if found.loss is None else found.loss
    left = state.creep * setting.start
    if state.creep and not loss < state.loss - left:
        detail = f"jump {state.jumps} learns no more than a creep leaves"
        raise Breakdown(Status.RESOLUTION, detail, left=setting.told(left))
    return replace(
        state,
        theta=theta,
        active=active,
        dormant=Dormant(directions, lacking),
        loss=loss,
        stationarity=stationarity(setting, found.theta),
        creep=found.creep,
    )


def _descended(setting: Setting, state: State) -> tuple[Descent, Array]:
    """Follow the active neurons, in the network's own way if it has one; it turns dormant ones."""
    directions = state.dormant.directions
    if setting.own is None:
        sizes, creep = state.sizes[state.active], setting.limits.creep
        if setting.clock.degree == 2:
            return _descended_as_one(setting, state.neurons, sizes), directions
        tilt, life = setting.again.tilt, setting.again.life(state.time)
        found = descend_neurons(
            setting.network, state.neurons, sizes, creep=creep, tilt=tilt, life=life
        )
        if math.isinf(life):
            due = HARDLY * state.time  # a saddle is left at once that takes no more than that
            slowest = setting.clock.logarithm / due if due else math.inf
            tol = setting.limits.tol
            found = left(setting.network, found, creep=creep, tol=tol, slowest=slowest)
        return found, directions
    directions = directions.copy()
    near = not state.jumps  # a checkpoint may be at rest already
    found, turned = setting.own.descend(state.neurons, directions[~state.active], near=near)
    directions[~state.active] = turned
    return found, directions


def _descended_as_one(setting: Setting, neurons: Array, sizes: Array) -> Descent:
    """Follow active neurons of degree 2, those that share a direction as a single one.

    Neurons s_i b compute what one neuron |s| b does, and stay in proportion.
    """
    norms = np.linalg.norm(neurons, axis=1)
    every, group = np.unique(alike(neurons / norms[:, None]), return_inverse=True)
    total = np.sqrt(np.bincount(group, norms**2))
    merged = neurons[every] * (total / norms[every])[:, None]
    creep = setting.limits.creep
    found = descend_neurons(setting.network, merged, sizes[every], creep=creep)
    return replace(found, theta=found.theta[group] * (norms / total[group])[:, None])


def _gone(setting: Setting, neurons: Array) -> Mask:
    """Return which active neurons (A,) are back at zero.

    Those are as small as new ones, and the loss does not mind their absence.
    """
    norms = np.linalg.norm(neurons, axis=1)
    gone = norms < AMPLITUDE * norms.max()
    if gone.any():
        rise = setting.network.loss(neurons[~gone]) - setting.network.loss(neurons)
        gone &= rise <= DONE * setting.start
    return np.asarray(gone)


def closer(setting: Setting, state: State) -> State:
    """Return the neurons closer to their infimum, or as they are if they cannot be followed.

    Pulls that are due to their creep fall tenfold meanwhile.
    """
    aim, sizes = HARDLY * state.creep / FARTHEST, np.linalg.norm(state.neurons, axis=1)
    try:
        found = descend_neurons(setting.network, state.neurons, sizes, creep=aim, most=MANY)
    except Breakdown:
        return state
    if found.creep > state.creep:  # rounding ends it earlier
        return state
    theta = state.theta.copy()
    theta[state.active] = found.theta
    return replace(state, theta=theta, creep=found.creep)


def stationarity(setting: Setting, neurons: Array) -> float:
    """Return |∂L/∂θ| |θ| / (2κ L(0))."""
    force = np.linalg.norm(setting.network.gradient(neurons)) * np.linalg.norm(neurons)
    return float(force) / (2 * setting.network.degree * setting.start)
