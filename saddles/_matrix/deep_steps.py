"""The steps of a deep linear network from saddle to saddle, for any smooth f of W = W_L…W_1.

Wait, jump and compress: `deep_wait` says when the dormant layers blow up and along which pair of
directions, `deep_jump` descends with it and carries the dormant ends along, and what is left of the
dormant layers is smaller by one in every layer. The first wait is proved (Kumar and Haupt,
arXiv:2403.08121, for any homogeneous network), and so is the first path of a deep linear network
(Jacot et al., arXiv:2106.15933). The later waits are derived to leading order in α, and checked
against the flow.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``init``         Ŵ_j = W_j(0)/α, the initial layers, from the input on
``left``         frame of the dormant outputs, shape (c, c − k)
``right``        frame of the dormant inputs, shape (d, d − k)
``blocks``       D_j, the dormant layers over α in these frames
``scale``        |∇f(0)| (Frobenius), the unit of all tolerances
===============  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np

from saddles._matrix.deep_jump import Landed, Objective, Outset, land
from saddles._matrix.deep_layers import framed, living
from saddles._matrix.deep_wait import Escape, escape
from saddles._numerics.precision import ULPS
from saddles._result.certificate import Certificate
from saddles._result.path import Saddle
from saddles.alternation import Algorithm, Rest, Ring
from saddles.status import Breakdown, Status
from saddles.typing import Array

__all__ = ["DeepTask", "deep_steps"]

SOURCE = (
    "Li, Luo and Lyu 2021, arXiv:2012.09839, for depth above 2, with waits by the blow-up of the "
    "dormant layers and parallel transport during jumps"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class DeepTask:
    """What is learnt.

    Attributes
    ----------
    objective : Objective
        f.
    value : callable
        W (c, d) -> f(W).
    init : list of ndarray
        The initial layers over α, from the input on.
    tol : float
        Singular value of ∇f, relative to |∇f(0)|, that counts as zero.
    mirror : ndarray of shape (L,), optional
        Signs with W_{L+1−j} = s_j W_jᵀ at the start. W stays symmetric if ∇f(W) is so with W.
    left_over : callable, optional
        Largest singular value of ∇f -> bound of how far f could still fall.
    """

    objective: Objective
    value: Callable[[Array], float]
    init: list[Array]
    tol: float
    mirror: Array | None = None
    left_over: Callable[[float], float] | None = None

    @cached_property
    def scale(self) -> float:
        """Return |∇f(0)|."""
        return float(np.linalg.norm(self.objective.pull(np.zeros(self.objective.shape))))


@dataclass(frozen=True, kw_only=True, eq=False)
class _State:
    """Where the network is; see the module's table.

    ``rank`` modes are learnt, and ``escape`` says how the dormant layers left the saddle before.
    """

    W: Array
    pull: Array
    left: Array
    right: Array
    blocks: list[Array]
    value: float
    rank: int = 0
    time: float = 0.0
    escape: Escape | None = None
    unique: bool = True
    violation: float = 0.0
    waited: list[Escape | Status] = field(default_factory=list)

    @property
    def dormant(self) -> Array:
        """Return the pull between dormant directions."""
        return np.asarray(self.left.T @ self.pull @ self.right)

    def wait(self, mirror: Array | None) -> Escape | Status:
        """Return how the dormant layers leave this saddle; found once."""
        if not self.waited:
            self.waited.append(escape(self.blocks, self.dormant, mirror=mirror))
        return self.waited[0]


def deep_steps(task: DeepTask, *, name: str) -> Algorithm[_State]:
    """Return the algorithm that learns `task`."""
    return Algorithm(
        name=name,
        source=SOURCE,
        start=partial(_start, task),
        utility=partial(_utility, task),
        jump=partial(_jump, task),
        cost=partial(_cost, task),
        saddle=partial(_saddle, task),
        kappa=len(task.init),
    )


def _start(task: DeepTask) -> _State:
    """Begin at W = 0."""
    c, d = task.objective.shape
    W = np.zeros((c, d))
    return _State(
        W=W,
        pull=task.objective.pull(W),
        left=np.eye(c),
        right=np.eye(d),
        blocks=framed(task.init, living(task.init)),
        value=task.value(W),
    )


def _utility(task: DeepTask, state: _State) -> Ring | Rest | Status:
    """Find when the dormant layers blow up."""
    growth = float(np.linalg.norm(state.dormant, 2)) if state.dormant.size else 0.0
    noise = ULPS * math.sqrt(sum(state.W.shape)) * (task.scale + float(np.linalg.norm(state.pull)))
    if growth <= max(task.tol * task.scale, noise):
        loss = None if task.left_over is None else task.left_over(growth + noise)
        return Rest(growth=growth, least=task.tol * task.scale, noise=noise, loss=loss)
    if not all(block.size for block in state.blocks):
        return Status.MAX_RANK
    found = state.wait(task.mirror)
    if isinstance(found, Status):
        return found
    return Ring(delay=found.delay, units=np.array([state.rank]), margin=found.gap)


def _jump(task: DeepTask, state: _State, ring: Ring) -> _State:
    """Advance to the blow-up."""
    found = state.wait(task.mirror)
    assert isinstance(found, Escape)
    return replace(state, time=state.time + ring.delay, escape=found)


@np.errstate(all="ignore")  # A loss may be no number where a step tries a point; that is judged.
def _cost(task: DeepTask, state: _State) -> _State:
    """Descend with the pair that blew up; what is beside it stays dormant."""
    found = state.escape
    assert found is not None
    (u, left), (v, right) = found.left, found.right
    outset = Outset(
        W=state.W,
        rank=state.rank,
        pair=(state.left @ u, state.right @ v),
        tilt=(state.left @ found.tilt[0], state.right @ found.tilt[1]),
        left=state.left @ left,
        right=state.right @ right,
        rate=found.rate,
        mirror=task.mirror,
    )
    landed = land(task.objective, len(task.init), outset)
    if task.mirror is not None:
        both = (landed.left + landed.right) / 2
        landed = replace(landed, W=(landed.W + landed.W.T) / 2, left=both, right=both)
    value = task.value(landed.W)
    if not math.isfinite(value):
        raise Breakdown(Status.LOSS_FAILED, f"f is {value!r} at jump {state.rank + 1}")
    return _State(
        W=landed.W,
        pull=task.objective.pull(landed.W),
        left=landed.left,
        right=landed.right,
        blocks=found.rest,
        value=value,
        rank=state.rank + 1,
        time=state.time,
        escape=found,
        unique=landed.unique,
        violation=_violation(landed, outset),
    )


def _violation(landed: Landed, outset: Outset) -> float:
    """Return how far a saddle is from a minimiser among the matrices of its rank.

    A start that contains no other pair rests at any critical point.
    """
    return max(0.0, -landed.curvature) if any(part.any() for part in outset.tilt) else 0.0


def _saddle(task: DeepTask, state: _State) -> Saddle:
    """Return the saddle with its certificate: UᵀG = 0 and GV = 0 on what W reaches and sees."""
    rank = state.rank
    left, _, right = np.linalg.svd(state.W)
    forces = left[:, :rank].T @ state.pull, state.pull @ right[:rank].T
    force = max(float(np.linalg.norm(part)) for part in forces)
    return Saddle(
        index=rank,
        time=state.time,
        beta=state.W,
        loss=state.value,
        dual=None,
        active=np.arange(rank),
        entered=np.arange(max(rank - 1, 0), rank),
        left=np.arange(0),
        certificate=Certificate(
            stationarity=force / task.scale if task.scale else 0.0,
            violation=state.violation,
            margin=math.inf if state.escape is None else state.escape.gap,
            unique=state.unique,
        ),
    )
