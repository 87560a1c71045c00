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
from dataclasses import replace
from functools import partial

import numpy as np

from saddles import checks
from saddles._result.certificate import Certificate
from saddles._result.path import PathError, Saddle
from saddles._tools.threads import one_thread
from saddles.agf._engine.activation import jump
from saddles.agf._engine.active import CREEP
from saddles.agf._engine.clock import Dormant
from saddles.agf._engine.cost import cost
from saddles.agf._engine.error_bars import with_error_bars
from saddles.agf._engine.levels import DONE, TIE
from saddles.agf._engine.natural_units import NaturalUnits
from saddles.agf._engine.parting import Deviations
from saddles.agf._engine.setting import (
    Checkpoint,
    Limits,
    NeuronPath,
    OwnSteps,
    Setting,
)
from saddles.agf._engine.state import State
from saddles.agf._engine.utility_step import utility
from saddles.alternation import Algorithm, solve, trace
from saddles.homogeneous import Declared, HomogeneousNetwork
from saddles.status import Status
from saddles.typing import ArrayLike

__all__ = ["SOURCE", "NeuronPath", "solve_network"]

SOURCE = "Kunin et al. 2025, arXiv:2506.06489, section 3 and Algorithm 1"


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
        utility=partial(utility, setting),
        jump=partial(jump, setting),
        cost=partial(cost, setting),
        saddle=partial(_saddle, setting),
        kappa=setting.clock.degree,
        log_alpha=setting.log_alpha,
        kind=setting.network.kind,
    )


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
