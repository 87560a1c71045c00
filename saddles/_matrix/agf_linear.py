"""Alternating gradient flows of the two-layer linear network f(x) = A W x.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), the section on linear networks
and its conjecture; Li, Luo and Lyu (2021, arXiv:2012.09839) for the reduction to a symmetric
matrix. With M = AW, the loss L = ½ E|y − Mx|² and G = ∂L/∂M = MΣxx − Σyx, the stacked weights
Z = [Wᵀ; A] obey Z' = FZ, F = [[0, −Gᵀ], [−G, 0]]: the flow of a symmetric factorisation ZZᵀ whose
eigenvectors are the singular pairs of −G and whose eigenvalues are ± their singular values. A
neuron's utility aᵀ(−G)w is largest along the top pair, so each dormant direction has a clock that
grows at its singular value, from −1, and lets a neuron in at 0.

The data fall into parts that never interact (`linear_blocks`). Within a part the descent after a
jump ends at the best map of its rank, and directions are in general position (`linear_modes`): the
j-th largest clock goes to the j-th largest rate of the next saddle, so that jump k comes after

    ΔT_k = [1 − Σ_{i=0}^{k−2} σ^{(i)}_{k−i} ΔT_{i+1}] / σ^{(k−1)}_1

(σ^{(i)}_j the j-th largest singular value of −G, of this part, at its saddle i). Each part has such
jumps of its own, and the network makes those of all parts in the order of time. For commuting
covariances every part is one mode: modes go by the singular values of Σyx, not by what each
explains, and the saddles are not the best maps of their rank.

===============  ==================================================================
code name        symbol
===============  ==================================================================
``moments``      Σxx = E[xxᵀ], (d, d), Σyx = E[yxᵀ], (c, d), and Σyx Σxx⁺
``floor``        ½ (tr Σyy − tr Σyx Σxx⁺ Σxy), the least loss of a linear map
``clocks``       of the dormant directions, falling within each part, shape (m,)
``rates``        σ, falling within each part, shape (m,)
``owners``       the part of each, shape (m,)
===============  ==================================================================
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import numpy as np

from saddles import checks
from saddles._matrix.greedy_low_rank import DENSE_PATH
from saddles._matrix.handed_clocks import COINCIDENT
from saddles._matrix.linear_blocks import Pairs
from saddles._matrix.linear_modes import Modes, stationarity
from saddles._matrix.moments import Moments, least_loss
from saddles._numerics.precision import ULPS
from saddles._numerics.watch import long_work
from saddles._result.certificate import Certificate
from saddles._result.path import Saddle, SaddlePath
from saddles._result.points import LowRank
from saddles.alternation import Algorithm, Rest, Ring, solve
from saddles.status import Breakdown, Status
from saddles.typing import Array, ArrayLike, Indices

__all__ = ["linear"]

SOURCE = "Kunin et al. 2025, arXiv:2506.06489, linear networks, with the clocks of each saddle"

#: Times and losses, relative, that are the same whichever way doubtful data are taken apart.
SAME = 1e-8

DOUBT = "couplings of the data are near what rounding makes of none, and would change this jump"


@long_work
def linear(
    sigma_xx: ArrayLike,
    sigma_yx: ArrayLike,
    *,
    sigma_yy: ArrayLike | None = None,
    width: int | None = None,
    tol: float = 1e-10,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
    progress: bool = False,
    time_limit: float | None = None,
) -> SaddlePath:
    """Saddle path of f(x) = A W x under gradient flow of A and W from vanishing initialisation.

    Parameters
    ----------
    sigma_xx : array_like of shape (d, d)
        Σxx = E[xxᵀ]: symmetric, positive semi-definite.
    sigma_yx : array_like of shape (c, d)
        Σyx = E[yxᵀ]; its rows must lie in the range of `sigma_xx`, as those of data do.
    sigma_yy : array_like of shape (c, c), optional
        Σyy = E[yyᵀ]. Only its trace matters: it adds to every loss the part that no linear map
        explains. By default this part is zero, so losses fall to 0.
    width : int, optional
        Number of hidden neurons, at least 1; None for all that are needed.
    tol : float
        Learning ends when no singular value of G exceeds `tol` times its first Frobenius norm.
    max_jumps : int, optional
        Largest number of jumps; None goes to the end of training.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly raises `PathError` or is returned as far
        as it was right, with its status.
    callback : callable, optional
        Called with each `Saddle`; returning True stops there.
    progress : bool
        Whether to show a bar of the jumps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the path so far is returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    SaddlePath
        ``betas[k]`` is the map AW (c, d) at saddle k, one dense array (K+1, c, d) for d + c up to
        400 and an array of K+1 `LowRank` above; ``times`` are t / log(1/α) for the loss
        L = ½ E|y − AWx|² and A' = −∂L/∂A, W' = −∂L/∂W. A unit is a neuron, numbered in the order of
        activation. Equal singular values activate together as one jump.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    Examples
    --------
    The mode that explains less (1.5 against 2.0) but correlates more (3 against 2) is first:

    >>> import numpy as np, saddles
    >>> b, s = np.array([2.0, 1.0]), np.array([1.0, 3.0])
    >>> path = saddles.agf.linear(np.diag(s), np.diag(b * s))
    >>> path.times.round(6).tolist(), path.losses.round(6).tolist()
    ([0.0, 0.333333, 0.5], [3.5, 2.0, 0.0])
    """
    moments = Moments.of(sigma_xx, sigma_yx)
    moments.refuse_extreme()
    task = _Task(
        moments=moments,
        floor=least_loss(moments, sigma_yy),
        width=checks.count(width, "width", least=1),
        least=float(np.linalg.norm(moments.yx))
        * checks.real_number(
            tol, "tol", "it is relative and must lie in (0, 1)", lambda v: 0 < v < 1
        ),
    )
    algorithm = Algorithm(
        name="AGF of a linear network",
        source=SOURCE,
        start=partial(_start, task),
        utility=partial(_utility, task),
        jump=partial(_jump, task),
        cost=_cost,
        saddle=lambda state: _saddles(task, [state])[0],
        saddles=partial(_saddles, task),
    )
    return solve(algorithm, max_jumps=max_jumps, on_failure=on_failure, callback=callback)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Task:
    """What is learnt; ``least`` is the rate at which learning ends."""

    moments: Moments
    floor: float
    width: int | None
    least: float


@dataclass(frozen=True, kw_only=True, eq=False)
class _State:
    """Where the network is; see the module's table.

    ``learnt`` (r,) are the active modes in the order of activation, of which the last jump brought
    those from ``before`` on, ``ranks`` says how many each part has, and ``left_over`` (q,) is μ of
    the others. Where the data can be taken apart in two ways, ``other`` is the same by the other.
    """

    modes: Modes
    index: int = 0
    time: float = 0.0
    clocks: Array
    rates: Array
    owners: Indices
    ranks: tuple[int, ...]
    learnt: list[int]
    left_over: Array
    before: int = 0
    margin: float = math.inf
    cut: bool = False
    unique: bool = True
    other: _State | None = None


def _start(task: _Task) -> _State:
    """Begin at M = 0, every clock at −1."""
    pairs = Pairs.of(task.moments)
    state = None
    for labels in reversed(pairs.labels):
        modes = Modes.of(task.moments, pairs, labels)
        state = _State(
            modes=modes,
            clocks=np.full(modes.signals.shape, -1.0),
            rates=modes.signals,
            owners=modes.owners,
            ranks=(0,) * (len(modes.ends) - 1),
            learnt=[],
            left_over=modes.explained,
            other=state,
        )
    assert state is not None
    return state


def _utility(task: _Task, state: _State) -> Ring | Rest | Status:
    """Find the directions whose clocks ring first: c + τσ = 0."""
    if state.rates.max(initial=0.0) <= task.least:
        return _rest(task, state)
    if len(state.learnt) == task.width:
        kept = state.modes.explained[state.learnt]
        turns = state.left_over.max() > kept.min() + COINCIDENT * kept.max()
        return Status.MAX_RANK_LEFT if turns else Status.MAX_RANK
    delays = -state.clocks / state.rates
    delay = max(float(delays.min()), 0.0)
    ringing = delays <= delay + COINCIDENT * (state.time + delay)
    second = float(delays.min(where=~ringing, initial=math.inf))
    return Ring(
        delay=delay,
        units=np.flatnonzero(ringing),
        margin=(second - delay) / delay if delay else math.inf,
    )


def _rest(task: _Task, state: _State) -> Rest:
    """Return what pulls where no clock rings, by G of the map itself."""
    if not state.learnt:
        return Rest(growth=float(state.rates.max(initial=0.0)), least=task.least)
    moments, modes = task.moments, state.modes
    M = modes.left[:, state.learnt] @ modes.right[:, state.learnt].T
    growth = float(np.linalg.norm(moments.slope(M), 2))
    largest, least = moments.values[-1], moments.values[moments.values > 0][0]
    noise = ULPS * math.sqrt(max(M.shape)) * float(largest * np.linalg.norm(M))
    return Rest(
        growth=growth,
        least=task.least,
        noise=noise,
        otherwise=Status.INACCURATE,
        # ½ tr GΣxx⁺Gᵀ, where G has as many singular values as there are modes.
        loss=float(modes.signals.size * (growth + noise) ** 2 / least) / 2,
    )


def _jump(task: _Task, state: _State, ring: Ring) -> _State:
    """Advance every clock to the ring, and let the modes in of the parts whose clocks ring."""
    if state.other is not None:
        other = _utility(task, state.other)
        if not isinstance(other, Ring) or not _same_ring(state, ring, other):
            raise Breakdown(Status.UNDECIDED, DOUBT)
        state = replace(state, other=_jump(task, state.other, other))
    room = ring.units.size if task.width is None else task.width - len(state.learnt)
    units, ranks, learnt = ring.units[:room], list(state.ranks), state.learnt.copy()
    cut = units.size < ring.units.size
    for part in state.owners[units].tolist():
        learnt.append(state.modes.ends[part] + ranks[part])
        ranks[part] += 1
    dormant, left_over = np.ones(state.clocks.shape, dtype=bool), state.left_over.copy()
    dormant[units], left_over[learnt] = False, 0.0
    return replace(
        state,
        index=state.index + 1,
        time=state.time + ring.delay,
        clocks=(state.clocks + ring.delay * state.rates)[dormant],
        rates=state.rates[dormant],
        owners=state.owners[dormant],
        ranks=tuple(ranks),
        learnt=learnt,
        left_over=left_over,
        before=len(state.learnt),
        margin=ring.margin,
        cut=cut,
        unique=not cut,
    )


def _same_ring(state: _State, ring: Ring, other: Ring) -> bool:
    """Whether both ways to take the data apart have the same rings next."""
    apart = abs(ring.delay - other.delay)
    return apart <= SAME * (state.time + ring.delay) and ring.units.size == other.units.size


def _cost(state: _State) -> _State:
    """Descend to the best maps of the parts in which modes have entered; find the new rates."""
    if state.other is not None:
        other = _cost(state.other)
        apart = abs(float(state.left_over.sum() - other.left_over.sum()))
        if apart > SAME * float(state.modes.explained.sum()):
            raise Breakdown(Status.UNDECIDED, DOUBT)
        state = replace(state, other=other)
    modes = state.modes
    for part, entered in Counter(modes.owners[state.learnt[state.before :]].tolist()).items():
        rank = state.ranks[part]
        if rank == modes.ends[part + 1] - modes.ends[part]:
            continue
        unique, rates = state.unique, state.rates.copy()
        if not state.cut:
            modes, unique = modes.descended(part, rank - entered, rank)
        rates[state.owners == part] = modes.rates(part, rank)
        state = replace(state, modes=modes, rates=rates, unique=state.unique and unique)
    return state


def _saddles(task: _Task, states: list[_State]) -> list[Saddle]:
    """Return what the user sees of successive states, with their certificates."""
    dense, shown = sum(task.moments.yx.shape) <= DENSE_PATH, []
    for _, run in groupby(states, key=lambda state: id(state.modes)):
        *_, last = alike = list(run)
        left, right = (factor[:, last.learnt] for factor in (last.modes.left, last.modes.right))
        least = len(alike[0].learnt)
        misses = stationarity(task.moments, left, right, least)
        for state in alike:
            rank = len(state.learnt)
            M = LowRank(left[:, :rank], right[:, :rank])
            shown.append(_saddle(task, state, M.toarray() if dense else M, misses[rank - least]))
    return shown


def _saddle(task: _Task, state: _State, M: Array | LowRank, miss: float) -> Saddle:
    """Return the saddle `state`, whose map is M; `miss` is how far it is from a critical point."""
    rank = len(state.learnt)
    return Saddle(
        index=state.index,
        time=state.time,
        beta=M,
        loss=task.floor + float(state.left_over.sum()) / 2,
        dual=None,
        active=np.arange(rank),
        entered=np.arange(state.before, rank),
        left=np.arange(0),
        certificate=Certificate(
            stationarity=float(miss), violation=0.0, margin=state.margin, unique=state.unique
        ),
    )
