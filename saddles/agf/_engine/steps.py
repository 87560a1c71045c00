"""Alternating gradient flows of any network of homogeneous neurons.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 3 and Algorithm 1.
Dormant neurons turn towards directions of large utility and gather it, as `dormant` says;
the first to have gathered what it lacks activates; the active neurons descend to a critical point
of their loss, as `active` says; the residual is computed again.

Between jumps the clocks and directions of neurons that stay dormant carry over. A neuron whose
norm the descent returns to zero is dormant again: it keeps its direction and lacks nothing, so it
rings at once where that direction still has utility; where that has turned negative, the neuron
shrinks along the way that it came.

===============  ==========================================================================
code name        meaning
===============  ==========================================================================
``network``      a `saddles.homogeneous.HomogeneousNetwork` of degree κ
``init``         θ(0)/α, one neuron per row, (H, p)
``theta``        θ, (H, p), zero in the rows of dormant neurons
``dormant``      directions θ̂ (H, p) and lacking utility A (H,); only dormant rows count
``clock``        the map between norms and A, for the degree and the initial scale
===============  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from saddles import checks
from saddles._result.certificate import Certificate
from saddles._result.path import PathError, Saddle
from saddles._tools.threads import one_thread
from saddles.agf._engine.active import CREEP, amplitude, reach
from saddles.agf._engine.active_flow import DESCENT_STEPS, KINKED_DESCENT_STEPS
from saddles.agf._engine.clock import Dormant, Phase
from saddles.agf._engine.cost import closer, cost
from saddles.agf._engine.dormant import first_ring
from saddles.agf._engine.error_bars import with_error_bars
from saddles.agf._engine.leaving import Exits
from saddles.agf._engine.levels import AMPLITUDE, DONE, HARDLY, ROUNDING, STATIONARY, TIE
from saddles.agf._engine.natural_units import NaturalUnits
from saddles.agf._engine.neighbours import worth
from saddles.agf._engine.parting import Deviations, Parting, alike, bends, first_parting
from saddles.agf._engine.setting import (
    Checkpoint,
    Limits,
    NeuronPath,
    OwnSteps,
    Setting,
)
from saddles.agf._engine.state import State
from saddles.agf._engine.way import align
from saddles.alternation import Algorithm, Rest, Ring, solve, trace
from saddles.homogeneous import Declared, HomogeneousNetwork
from saddles.status import Breakdown, Status
from saddles.typing import Array, ArrayLike, Indices

__all__ = ["SOURCE", "NeuronPath", "solve_network"]

SOURCE = "Kunin et al. 2025, arXiv:2506.06489, section 3 and Algorithm 1"

#: The inverse of the softest curvature of a loss, relative to the largest, by which a force moves
#: the residual.
SOFT = 1e3


@one_thread
def solve_network(
    network: HomogeneousNetwork,
    init: ArrayLike,
    *,
    log_alpha: float = -math.inf,
    activation_norm: float = 1.0,
    name: str = "alternating gradient flow",
    source: str = SOURCE,
    tol: float = DONE,
    creep: float = CREEP,
    rtol: float = TIE,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
    error_bars: bool = True,
    units: NaturalUnits | None = None,
    own: OwnSteps | None = None,
    start: ArrayLike | None = None,
    active_above: float | None = None,
) -> NeuronPath:
    """Saddle path of a network of homogeneous neurons, by alternating gradient flows.

    Parameters
    ----------
    network : HomogeneousNetwork
        Degree, loss, gradient, utility and its gradient, function-space point, and what else it
        offers: see `saddles.homogeneous`.
    init : array_like of shape (H, p)
        Initial weights over α, one neuron per row: their directions and relative sizes count.
    log_alpha : float
        Logarithm of the initial scale, below 0. Minus infinity is the limit, where relative sizes
        matter for degrees above 2 only. At a finite scale neurons of such degrees activate along
        the direction that they have come to, which may be off its limit by a small power of α.
    activation_norm : float
        Norm at which a neuron counts as active; it must be above all initial norms. It shifts jump
        times by O(α^{κ−2}), or O(1/log(1/α)) for κ = 2, and does nothing in the limit.
    name, source : str
        What the path is called, and the paper that states it.
    tol : float
        Learning ends when the loss, or every dormant neuron's utility, is below `tol` times the
        first.
    creep : float
        Where norms diverge while the loss creeps to an infimum that no finite point attains, the
        loss of the saddle is that infimum, extrapolated. The descent is followed until
        extrapolations agree to this share of the first loss; where time has doubled ten times, to
        four times that, or until the loss falls by at most 5e-4 of it while time grows fourfold:
        by at most 1e-2 where neurons that nearly cancel are so large that rounding moves them.
        The certificate's ``creep`` is what the loss of the neurons has still to fall; dormant
        neurons see that rest, so that times after several such saddles may be off by some per cent,
        by tens of them where little is left of the loss, and neurons that are nearly alike may
        change places. With more than 450 coordinates (active
        neurons times the dimension of their subspace) a quasi-Newton search takes the place of the
        flow, nothing is extrapolated, and ``creep`` is what the loss fell in the last three
        quarters of its iterations, at most 1e-2. Whether the loss curves down at a saddle is not
        looked at there.
    rtol : float
        Local relative error of the directions.
    max_jumps : int, optional
        Largest number of jumps; None goes to the end of training.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly raises `PathError` or is returned as far
        as it was right.
    callback : callable, optional
        Called with each `Saddle`; returning True stops there. It sees no error bars yet.
    error_bars : bool
        Whether jumps after a saddle at infinity get error bars, ``certificates.time_error``: the
        rest of the path is then run again.
    units : NaturalUnits, optional
        Of a network that is in units already: what its weights, losses and points are multiplied
        by. Others are put in units here.
    own : OwnSteps, optional
        The two steps of a network that is smooth in pieces only; it is in units already.
    start : array_like of shape (H, p), optional
        Weights θ of the neurons of `init` in the midst of training, from the finite scale
        `log_alpha`. Those of a norm above `active_above` are active, and descend; the others are
        dormant where they are. The path begins there: times count from it.
    active_above : float, optional
        By default a tenth of `activation_norm`.

    Returns
    -------
    NeuronPath
        Units are rows of `init`; ``betas`` are the network's points; times are t / log(1/α) for
        κ = 2 and t α^(κ−2) above.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).
    """
    checks.true_or_false(error_bars, "error_bars")
    limits = Limits(tol=tol, creep=creep, rtol=rtol)
    known = Declared.of(network)
    setting = Setting.of(
        known, init, log_alpha, activation_norm, limits, units, own, start, active_above
    )
    try:
        path = solve(
            _algorithm(setting, name, source),
            max_jumps=max_jumps,
            on_failure=on_failure,
            callback=callback,
        )
    except PathError as error:
        begun = None if error.path is None else setting.with_neurons(error.path)
        raise PathError(error.status, begun, error.detail) from None
    if path.status is Status.NOTHING_TO_LEARN and path.active[0].size:  # a checkpoint at the end
        path = replace(path, status=Status.CONVERGED)
    found = setting.with_neurons(path)
    if not (error_bars and setting.crept):
        return found
    before = setting.crept[0]

    def again(other: Setting) -> Iterator[Saddle]:
        return trace(replace(_algorithm(other, name, source), start=lambda: cost(other, before)))

    return with_error_bars(found, setting, before.jumps, again)


def _algorithm(setting: Setting, name: str, source: str) -> Algorithm[State]:
    """Return the two steps and what else the loop asks for."""
    return Algorithm(
        name=name,
        source=source,
        start=partial(_start, setting),
        utility=partial(_utility, setting),
        jump=partial(_jump, setting),
        cost=partial(cost, setting),
        saddle=partial(_saddle, setting),
        kappa=setting.clock.degree,
        log_alpha=setting.log_alpha,
        kind=setting.network.kind,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ring(Ring):
    """The first clocks, the phase that they end, and the cluster that parts if one does."""

    phase: Phase
    since: State
    parting: Parting


def _start(setting: Setting) -> State:
    """Begin with every neuron dormant, at its initial size."""
    if setting.checkpoint is not None:
        return _begun(setting, setting.checkpoint)
    none = np.zeros(len(setting.init), dtype=bool)
    return State(
        jumps=0,
        time=0.0,
        theta=np.zeros_like(setting.init),
        active=none,
        previous=none,
        dormant=setting.home,
        rang=np.zeros(0, dtype=np.intp),
        sizes=np.zeros(len(none)),
        loss=setting.start,
        deviations=_deviations(setting) if setting.parts else (),
    )


def _begun(setting: Setting, checkpoint: Checkpoint) -> State:
    """Begin in the midst of training: active neurons descend, dormant ones are where they are."""
    theta, active = checkpoint.theta / setting.units.weight, checkpoint.active
    norms = np.linalg.norm(theta, axis=1)
    nobody = theta[:0]
    pulls = np.linalg.norm(setting.pull(nobody)(setting.home.directions), axis=1)
    state = State(
        jumps=0,
        time=0.0,
        theta=np.where(active[:, None], theta, 0.0),
        active=active,
        previous=active,
        dormant=Dormant(
            theta / norms[:, None], setting.clock.lacking(np.log(norms) + setting.clock.scale)
        ),
        rang=np.zeros(0, dtype=np.intp),
        sizes=np.where(active, norms, 0.0),
        loss=setting.start,
        pull=float(pulls.max()),
        deviations=_deviations(setting) if setting.parts else (),
    )
    return cost(setting, state) if active.any() else state


def _deviations(setting: Setting) -> tuple[Deviations, ...]:
    """Return deviations of the size of the neurons."""
    rows = zip(setting.home.directions, setting.home.lacking, strict=True)
    return tuple(Deviations.start(direction, min(-lacking, 0.0)) for direction, lacking in rows)


def _utility(setting: Setting, state: State) -> Ring | Rest | Status:
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
    return _Ring(
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
                return Rest(least=least, noise=hidden, loss=state.creep * setting.start)
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
    return Rest(growth=pull, least=least, loss=left)


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


def _jump(setting: Setting, state: State, ring: Ring) -> State:
    """Take all clocks and directions to the ring, and let the units that rang in, small."""
    assert isinstance(ring, _Ring)
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


def _saddle(setting: Setting, state: State) -> Saddle:
    """Return the saddle with its certificate, and keep its weights."""
    units = setting.units
    setting.seen.append(
        (units.weight * state.neurons, state.dormant.directions[state.rang], state.rang)
    )
    return Saddle(
        index=state.jumps,
        time=state.time * units.time,
        beta=units.point * np.asarray(setting.network.point(state.neurons), dtype=float),
        loss=state.loss * units.loss + units.floor,
        dual=None,
        active=np.flatnonzero(state.active),
        entered=np.flatnonzero(state.active & ~state.previous),
        left=np.flatnonzero(state.previous & ~state.active),
        certificate=Certificate(
            stationarity=state.stationarity,
            violation=0.0,
            margin=state.margin,
            unique=state.unique,
            creep=state.creep,
            conjectured=state.conjectured,
        ),
    )
