"""Greedy low-rank learning: matrix factorisation from a vanishing initialisation, rank by rank.

Li, Luo and Lyu, "Towards resolving the implicit bias of gradient descent for matrix factorization:
greedy low-rank learning" (ICLR 2021, arXiv:2012.09839), Algorithm 1; Algorithm 3 of Kunin et al.
(2025, arXiv:2506.06489). The flow U' = −∇f(UUᵀ) U from U(0) = α × (a generic d × d matrix) visits
W_0 = 0, W_1, W_2, ...: W_r is the critical point that r columns reach from W_{r−1} along the top
eigenvector of −∇f(W_{r−1}). To the sequence this file adds its times in units of log(1/α): the
clock of each dormant direction grows at its eigenvalue of −∇f at every saddle visited, so

    ΔT_k = [1 − Σ_{i=0}^{k−2} λ^{(i)}_{k−i} ΔT_{i+1}] / λ^{(k−1)}_1

for directions in general position (λ^{(i)}_j the j-th largest dormant eigenvalue at W_i).

==============  ====================================================================
code name       symbol
==============  ====================================================================
``U``           U_r, the active columns, shape (d, r), W_r = UUᵀ
``pull``        −∇f(W_r), shape (d, d)
``rates``       λ^{(r)}, its eigenvalues beside the range of U, falling, shape (m,)
``vectors``     their eigenvectors, shape (d, m)
``clocks``      c: a dormant direction has size α^(−c), −1 at the start, 0 when it rings
``scale``       |∇f(0)| (Frobenius), the unit of all tolerances
==============  ====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from saddles import checks
from saddles._matrix.deep_factors import checked_depth, deep_algorithm
from saddles._matrix.descent import descend_factor, is_left
from saddles._matrix.frames import rotation
from saddles._matrix.full_matrix import full_steps
from saddles._matrix.handed_clocks import align, eigenpairs, hand_over, next_ring
from saddles._matrix.loss_checks import checked_size, refuse_extreme
from saddles._matrix.losses import FullMatrix, MatrixLoss
from saddles._matrix.on_factors import OnFactors, entries
from saddles._numerics.watch import long_work
from saddles._result.certificate import Certificate
from saddles._result.path import Saddle, SaddlePath
from saddles._result.points import LowRank
from saddles.alternation import Algorithm, Rest, Ring, solve
from saddles.status import Breakdown, Status
from saddles.typing import Array, ArrayLike, Indices

__all__ = ["Factorisation", "greedy_low_rank", "steps"]

NAME = "Greedy low-rank learning"
SOURCE = "Li, Luo and Lyu 2021, arXiv:2012.09839, Algorithm 1"

#: Why a path is not followed beyond its first jump, although the loss falls.
WEAKLY_LINKED = "parts of the loss are linked so weakly that descents do not feel it"

#: Up to this d the matrices of a path are stored in full, above it as factors.
DENSE_PATH = 400

#: Rounding of a value of f, a sum of many squares, relative to it.
VALUE_ROUNDING = 1e-12


@long_work
def greedy_low_rank(
    loss: MatrixLoss,
    *,
    depth: int = 2,
    init: Sequence[ArrayLike] | None = None,
    max_rank: int | None = None,
    tol: float = 1e-10,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
    progress: bool = False,
    time_limit: float | None = None,
) -> SaddlePath:
    """Saddle path of W = UUᵀ, or of a deeper factorisation, from vanishing initialisation.

    At depth 2 the flow is U' = −∇f(UUᵀ) U; at depth L above it is that of W = W_L…W_1.

    Parameters
    ----------
    loss : MatrixLoss
        f: `MatrixCompletion`, `MatrixSensing`, `FullMatrix`, or any object with ``size``,
        ``value(W)`` and ``gradient(W)`` (see `MatrixLoss` for what else it may offer). The gradient
        of a loss that is not of this package is compared once with finite differences of its value,
        and so are other derivatives that it offers.
    depth : int
        Number L of layers, at least 2. Above 2 the layers are W_j(0) = α init[j].
    init : sequence of L array_like, optional
        Initial layers over α, from the input on, for `depth` above 2: all their entries enter all
        jump times. By default each is the identity (d, d), from which W stays symmetric. From other
        layers it does not, and f must be defined for all matrices.
    max_rank : int, optional
        Number of columns of U, at least 1; None for all that are needed. For large d a small number
        saves time, since no more eigenpairs than that are computed.
    tol : float
        Learning ends when no eigenvalue of −∇f exceeds `tol` times |∇f(0)| (Frobenius). Where
        rounding of ∇f is more than that, the path ends with ``Status.RESOLUTION``.
    max_jumps : int, optional
        Largest number of jumps; None goes to the end of training.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly (the loss is unbounded or no number, the
        descent stalls) raises `PathError` or is returned as far as it was right, with its status.
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
        ``betas[k]`` is W_k, (d, d): one dense array (K+1, d, d) for d up to 400, above that an
        array of K+1 `LowRank`, which hold the factor. ``times`` are t / log(1/α) of the flow as
        written, without a factor 2, and t α^{L−2} at depth L; losses are f as given. A unit is a
        column, numbered in the order of activation. A certificate's margin is the lead of the clock
        that rang, and at depth above 2 what `agf.deep_linear` says; ``unique`` is
        False where the critical point is one of a continuum, and where max_rank cuts a tie. It is
        examined for factors of up to 400 entries.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    Notes
    -----
    For a matrix with all entries observed (`FullMatrix`) the closed form is used.

    Equal top eigenvalues activate together as one jump. The direction that activates is the one
    whose clock rings first. In general position that is the top eigenvector of −∇f(W_{r−1}), as in
    the paper's algorithm; where parts of the problem do not interact (observations that form a
    disconnected graph) the flow, and this path, keep one clock for each part.

    Examples
    --------
    >>> import numpy as np, saddles
    >>> path = saddles.greedy_low_rank(saddles.FullMatrix(np.diag([4.0, 2.0, -1.0])))
    >>> path.times.round(6).tolist(), path.losses.round(6).tolist()
    ([0.0, 0.25, 0.5], [10.5, 2.5, 0.5])

    With three layers each time is 1/(λ (L − 2)) in the unit 1/α:

    >>> path = saddles.greedy_low_rank(saddles.FullMatrix(np.diag([4.0, 2.0, -1.0])), depth=3)
    >>> path.times.round(6).tolist(), path.kappa, path.status
    ([0.0, 0.25, 0.5], 3, Status.SIGN_CONSERVED)
    """
    tol = checks.real_number(
        tol, "tol", "it is relative and must lie in (0, 1)", lambda v: 0 < v < 1
    )
    checked_size(loss)
    max_rank = checks.count(max_rank, "max_rank", least=1)
    if checked_depth(depth, init) == 2:
        algorithm = _algorithm(loss, max_rank, tol)
    else:
        algorithm = deep_algorithm(
            loss, depth=depth, init=init, max_rank=max_rank, tol=tol, name=NAME
        )
    return solve(algorithm, max_jumps=max_jumps, on_failure=on_failure, callback=callback)


def _algorithm(loss: MatrixLoss, max_rank: int | None, tol: float) -> Algorithm[Any]:
    """Return the steps for a loss: in closed form where there is one."""
    said: dict[str, Any] = {"name": NAME, "source": SOURCE}
    if type(loss) is FullMatrix:
        return full_steps(loss, max_rank=max_rank, tol=tol, show=_matrix, **said)
    problem = OnFactors(loss)
    task = Factorisation(problem=problem, size=problem.loss.size, max_rank=max_rank, tol=tol)
    return steps(task, **said)


def rotations(U: Array) -> Array:
    """Return the directions UΩ, Ω antisymmetric, that leave UUᵀ as it is: (dr, r(r−1)/2)."""
    d, r = U.shape
    pairs = [(i, j) for i in range(r) for j in range(i)]
    directions = np.zeros((d, r, len(pairs)))
    for k, (i, j) in enumerate(pairs):
        directions[:, i, k], directions[:, j, k] = U[:, j], -U[:, i]
    return directions.reshape(d * r, len(pairs))


def _matrix(U: Array, value: float) -> tuple[Any, float]:
    """Return the point W = UUᵀ in the form in which a path stores it, and its loss."""
    return (U @ U.T if U.shape[0] <= DENSE_PATH else LowRank(U, U)), value


@dataclass(frozen=True, kw_only=True, eq=False)
class Factorisation:
    """What is learnt, and how it is shown.

    Attributes
    ----------
    problem : OnFactors
        The loss as a function of U.
    size : int
        Number of rows of U.
    max_rank : int or None
        Number of columns.
    tol : float
        Eigenvalue of −∇f, relative to |∇f(0)|, that counts as zero.
    symmetry : callable
        U -> directions (dr, m) along which the loss does not change.
    show : callable
        (U, f) -> the function-space point and the loss that the user sees.
    """

    problem: OnFactors
    size: int
    max_rank: int | None
    tol: float
    symmetry: Callable[[Array], Array] = rotations
    show: Callable[[Array, float], tuple[Any, float]] = _matrix


@dataclass(frozen=True, kw_only=True, eq=False)
class _State:
    """Where the columns are; see the module's table.

    ``old`` (d, m) are the directions of the previous saddle and ``clocks`` (m,) theirs; ``units``
    are the active columns, ``before`` those of the previous saddle, of ``known`` ever activated.
    """

    index: int = 0
    time: float = 0.0
    U: Array
    value: float
    pull: Any
    scale: float
    rates: Array
    vectors: Array
    old: Array
    clocks: Array
    blur: float
    units: Indices
    before: Indices
    known: int = 0
    escape: Array
    margin: float = math.inf
    cut: bool = False
    unique: bool = True


def steps(task: Factorisation, *, name: str, source: str) -> Algorithm[_State]:
    """Return the algorithm that learns `task`."""
    return Algorithm(
        name=name,
        source=source,
        start=partial(_start, task),
        utility=partial(_utility, task),
        jump=partial(_jump, task),
        cost=partial(_cost, task),
        saddle=partial(_saddle, task),
    )


def _start(task: Factorisation) -> _State:
    """Begin at W = 0, every clock at −1."""
    U = np.zeros((task.size, 0))
    value, pull = task.problem.at(U)
    refuse_extreme(float(np.abs(entries(pull)).max(initial=0.0)))
    scale = float(np.linalg.norm(entries(pull)))
    rates, vectors = eigenpairs(pull, U, _needed(task, 0), scale)
    return _State(
        blur=task.problem.rounding(U, pull),
        U=U,
        value=value,
        pull=pull,
        scale=scale,
        rates=rates,
        vectors=vectors,
        old=vectors,
        clocks=np.full(rates.shape, -1.0),
        units=np.arange(0),
        before=np.arange(0),
        escape=U,
    )


def _needed(task: Factorisation, rank: int) -> int | None:
    """Return how many dormant directions can still ring, and one to know the margin."""
    return None if task.max_rank is None else task.max_rank - rank + 1


def _utility(task: Factorisation, state: _State) -> Ring | Rest | Status:
    """Find the directions whose clocks ring first: c + τλ = 0."""
    if state.rates.max(initial=0.0) <= max(task.tol * state.scale, state.blur):
        return _end(task, state)
    if state.U.shape[1] == task.max_rank:
        return Status.MAX_RANK_LEFT if is_left(task.problem, state.U) else Status.MAX_RANK
    delay, units, second = next_ring(state.vectors.T @ state.old, state.clocks, state.rates)
    if not math.isfinite(delay):
        return Status.NO_DESCENT
    margin = (second - delay) / delay if delay > 0 else math.inf
    return Ring(delay=delay, units=units, margin=margin)


def _end(task: Factorisation, state: _State) -> Rest | Status:
    """Return what still pulls where no clock rings, unless f is minimal without a vanishing ∇f."""
    rest = Rest(
        growth=state.rates.max(initial=0.0) / state.scale if state.scale else 0.0,
        least=task.tol,
        noise=state.blur / state.scale if state.scale else 0.0,
    )
    gone = float(np.linalg.norm(entries(state.pull))) <= task.tol * state.scale
    ends = rest.status(state.index) is Status.CONVERGED
    return Status.NO_DESCENT if ends and not gone else rest


def _jump(task: Factorisation, state: _State, ring: Ring) -> _State:
    """Advance every clock to the ring; the directions that ring are the way out."""
    if state.index and task.problem.parts.weakly_linked:
        raise Breakdown(Status.UNDECIDED, WEAKLY_LINKED)
    overlap = state.vectors.T @ state.old
    clocks = hand_over(overlap, state.clocks, state.rates, ring.delay)
    room = ring.units.size if task.max_rank is None else task.max_rank - state.U.shape[1]
    units = ring.units[:room]
    dormant = np.setdiff1d(np.arange(clocks.size), units)
    return replace(
        state,
        index=state.index + 1,
        time=state.time + ring.delay,
        old=state.vectors[:, dormant],
        clocks=clocks[dormant],
        escape=state.vectors[:, units],
        margin=ring.margin,
        cut=state.cut or units.size < ring.units.size,
    )


@np.errstate(all="ignore")  # A loss may be no number where a step tries a point; that is judged.
def _cost(task: Factorisation, state: _State) -> _State:
    """Descend with the new columns to a critical point, and find the new dormant directions."""
    rate = float(np.max(np.sum(state.escape * (state.pull @ state.escape), axis=0)))
    descent = descend_factor(
        task.problem,
        state.U,
        state.escape,
        rate,
        scale=state.scale,
        symmetry=task.symmetry,
    )
    U, gone = descent.U, descent.fallen.shape[1]
    value, pull = task.problem.at(U)
    if not math.isfinite(value):
        raise Breakdown(Status.LOSS_FAILED, f"loss.value(W)={value!r} at jump {state.index}")
    if not _falls(task.problem, state, U, value, pull):
        raise Breakdown(
            Status.INACCURATE, f"jump {state.index}: the descent came to no lower point than before"
        )
    rates, vectors = eigenpairs(pull, U, _needed(task, U.shape[1]), state.scale)
    old = np.hstack([state.old, descent.fallen])
    clocks = np.concatenate([state.clocks, np.zeros(gone)])
    known = state.known + state.escape.shape[1]
    # A column that falls back leaves W a combination of all: say that it is the last of the old.
    candidates = np.concatenate([np.arange(state.known, known), state.units])
    return replace(
        state,
        units=np.sort(candidates[: U.shape[1]]),
        before=state.units,
        known=known,
        U=U,
        value=min(value, state.value),
        pull=pull,
        blur=task.problem.rounding(U, pull),
        rates=rates,
        vectors=align(rates, vectors, old, clocks),
        old=old,
        clocks=clocks,
        unique=descent.unique and not state.cut,
    )


def _falls(problem: OnFactors, state: _State, U: Array, value: float, pull: Any) -> bool:
    """Whether f is lower at U, of value and pull, than at the saddle that was left.

    A mode of eigenvalue λ lowers f by λ²/2, which f itself may not resolve. The mean of both pulls
    along the way does: <pull + pull', W' − W>/2, exact where f is quadratic. It is taken where
    entries of W are as small as they are, not sums of large ones.
    """
    fall = state.value - value
    if abs(fall) <= VALUE_ROUNDING * (abs(state.value) + abs(value)) and not problem.sparse:
        left, sizes, _ = np.linalg.svd(state.U, full_matrices=False)
        rows = rotation(np.hstack([left * sizes, state.escape]), state.pull)
        new, old = rows.T @ U, rows.T @ state.U
        pulls = rows.T @ (state.pull + pull) @ rows
        fall = float(np.sum(pulls * (new @ new.T - old @ old.T)) / 2)
    return fall > 0


def _saddle(task: Factorisation, state: _State) -> Saddle:
    """Return the saddle with its certificate: −∇f(W)U = 0, and the loss has fallen."""
    beta, loss = task.show(state.U, state.value)
    rank = state.units.size
    size = state.scale * float(np.linalg.norm(state.U))
    force = float(np.linalg.norm(state.pull @ state.U)) if rank else 0.0
    return Saddle(
        index=state.index,
        time=state.time,
        beta=beta,
        loss=loss,
        dual=None,
        active=state.units,
        entered=np.setdiff1d(state.units, state.before),
        left=np.setdiff1d(state.before, state.units),
        certificate=Certificate(
            stationarity=force / size if size else 0.0,
            violation=0.0,
            margin=state.margin,
            unique=state.unique,
        ),
    )
