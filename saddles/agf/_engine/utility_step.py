"""The utility step: dormant neurons turn and gather utility until the first of them rings.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), Algorithm 1: the maximisation
of utility. `dormant` follows the neurons; this decides what counts as a ring and what as rest. A
pull may be worth less than `tol`, or be what neurons at infinity leave open; neurons that activated
together may part before the next one rings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saddles.agf._engine.active_flow import DESCENT_STEPS, KINKED_DESCENT_STEPS
from saddles.agf._engine.clock import Phase
from saddles.agf._engine.cost import closer
from saddles.agf._engine.dormant import first_ring
from saddles.agf._engine.leaving import Exits
from saddles.agf._engine.levels import STATIONARY
from saddles.agf._engine.neighbours import worth
from saddles.agf._engine.parting import Parting, alike, first_parting
from saddles.agf._engine.setting import Setting
from saddles.agf._engine.state import State
from saddles.alternation import Rest, Ring
from saddles.status import Breakdown, Status
from saddles.typing import Indices

__all__ = ["FirstClocks", "utility"]


@dataclass(frozen=True, kw_only=True, eq=False)
class FirstClocks(Ring):
    """The first clocks, the phase that they end, and the cluster that parts if one does."""

    phase: Phase
    since: State
    parting: Parting


def utility(setting: Setting, state: State) -> Ring | Rest | Status:
    """Let the dormant neurons turn and gather utility until the first has enough."""
    # How far an infimum is known: estimates agree to the one, and what is ahead is added to it.
    if state.creep and state.loss <= (setting.limits.creep + 2 * state.creep) * setting.start:
        return Status.AT_INFINITY
    if not state.loss > setting.limits.tol * setting.start:
        return Rest()
    parting = _parting(setting, state)
    if parting.due(0.0):  # their deviations are of order one, and tell no time
        return Status.NEURONS_PART
    if state.active.all() and not math.isfinite(parting.delay):
        if setting.own is not None:  # it may know that the active ones do not rest
            _phase(setting, state)
        return Status.NEURONS_PART if _may_part(setting, state) else Status.MAX_RANK
    heard = _heard(setting, state, parting.delay)
    if isinstance(heard, Rest):
        return Status.NEURONS_PART if _may_part(setting, state) else heard
    since, phase = heard
    if phase.delay <= 0:
        raise Breakdown(Status.STALLED, f"jump {state.jumps + 1} would take no time")
    return FirstClocks(
        delay=phase.delay,
        units=_first(state, phase, parting),
        margin=phase.margin,
        due=(state.time + phase.delay) * setting.units.time,
        phase=phase,
        since=since,
        parting=parting,
    )


def _first(state: State, phase: Phase, parting: Parting) -> Indices:
    """Return the units that ring, and those that part."""
    rings = np.flatnonzero(~state.active)[phase.units]
    parts = np.flatnonzero(state.active)[parting.rows[: None if parting.due(phase.delay) else 0]]
    return np.sort(np.concatenate([rings, parts]))


def _parting(setting: Setting, state: State) -> Parting:
    """Return the next parting of active neurons that activated together."""
    if not (setting.parts and state.active.any()):
        return Parting(math.inf, state.theta[:0])
    rows = np.flatnonzero(state.active)
    known = [state.deviations[row] for row in rows]
    return first_parting(setting.network, state.neurons, known, setting.home.directions[rows])


def _may_part(setting: Setting, state: State) -> bool:
    """Whether active neurons may leave their saddle at a time that the network does not tell."""
    if setting.own is not None or setting.clock.degree > 2 or not state.active.any():
        return False
    equal = alike(setting.home.directions[state.active], STATIONARY)
    if setting.parts and Exits.of(setting.network, state.neurons, equal) is not None:
        return False
    units = state.neurons / np.linalg.norm(state.neurons, axis=1, keepdims=True)
    return len(np.unique(alike(units))) < len(np.unique(equal))


def _worth(share: float, state: State) -> float:
    """Return the largest pull that could lower the loss by no more than a `share` of the first.

    A utility U lowers it by U²/4q at most.
    """
    return math.sqrt(share) * state.pull


def _heard(setting: Setting, state: State, until: float) -> tuple[State, Phase] | Rest:
    """Return the phase up to the first ring and the state from which it rings; or what pulls.

    A phase lasts no longer than `until`.

    Beside neurons at infinity a pull may be what their creep leaves open. Where none is more than
    that the neurons creep on: what is left then rings, or rests, or is still as small.
    """
    least = _worth(setting.limits.tol, state)
    phase = _phase(setting, state, max(least, _worth(state.creep, state)), until)
    if not math.isfinite(phase.delay) and state.creep > setting.limits.tol and not setting.own:
        state = closer(setting, state)
        phase = _phase(setting, state, least)
        hidden = _worth(state.creep, state)
        if math.isfinite(phase.delay) and hidden > least:
            phase = _phase(setting, state, hidden)
            if not math.isfinite(phase.delay):
                left = setting.told(state.creep * setting.start)
                return Rest(least=least, noise=hidden, loss=left)
    if math.isfinite(phase.delay):
        return state, phase
    return _rest(setting, state, phase.pull, least)


def _rest(setting: Setting, state: State, pull: float, least: float) -> Rest:
    """Return how much pulls at the dormant neurons, or at neighbours of them if nothing does.

    Ways of a network's own know where neurons are dead, and have no neighbours to ask.
    """
    if pull > least:
        return Rest(growth=pull, least=least)
    left = setting.limits.tol * setting.start
    if setting.own is None:
        beside = worth(setting.network, state.dormant.directions[~state.active], state.neurons)
        if beside > left:
            return Rest(growth=beside, least=left)
    return Rest(growth=pull, least=least, loss=setting.told(left))


def _phase(setting: Setting, state: State, least: float = 0.0, until: float = math.inf) -> Phase:
    """Follow the dormant neurons, in the network's own way if it has one."""
    rows = np.flatnonzero(~state.active)
    dormant, noise = state.dormant.rows(rows), setting.limits.tol * state.pull
    if setting.own is not None:
        return setting.own.first_ring(dormant, state.neurons, clock=setting.clock, noise=noise)
    return first_ring(
        setting.pull(state.neurons),
        dormant,
        setting.home.rows(rows),
        setting.clock,
        noise=noise,
        least=least,
        until=until,
        rtol=setting.limits.rtol,
        steps=KINKED_DESCENT_STEPS if setting.network.kinked else DESCENT_STEPS,
        balance=setting.balance,
    )
