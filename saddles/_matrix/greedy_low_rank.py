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
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from saddles import checks
from saddles._matrix.descent import OnFactors, descend_factor, is_left
from saddles._matrix.handed_clocks import align, eigenpairs, hand_over, next_ring
from saddles._matrix.loss_checks import checked_size
from saddles._matrix.losses import MatrixLoss
from saddles._result.certificate import Certificate
from saddles._result.path import Saddle, SaddlePath
from saddles._result.points import LowRank
from saddles.alternation import Algorithm, Ring, solve
from saddles.status import Status
from saddles.typing import Array

__all__ = ["Factorisation", "greedy_low_rank", "steps"]

SOURCE = "Li, Luo and Lyu 2021, arXiv:2012.09839, Algorithm 1"

#: Up to this d the matrices of a path are stored in full, above it as factors.
DENSE_PATH = 400

#: Entries of ∇f(0) between which squares of forces, down to fourteen digits, fit a float64.
SMALLEST_PULL, LARGEST_PULL = 1e-90, 1e90


def greedy_low_rank(
    loss: MatrixLoss,
    *,
    max_rank: int | None = None,
    tol: float = 1e-10,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
) -> SaddlePath:
    """Saddle path of W = UUᵀ under U' = −∇f(UUᵀ) U from vanishing initialisation.

    Parameters
    ----------
    loss : MatrixLoss
        f: `MatrixCompletion`, `MatrixSensing`, `FullMatrix`, or any object with ``size``,
        ``value(W)`` and ``gradient(W)`` (see `MatrixLoss` for what else it may offer). The gradient
        of a loss that is not of this package is compared once with finite differences of its value.
    max_rank : int, optional
        Number of columns of U, at least 1; None for as many as needed. For large d it saves time:
        only so many eigenpairs are computed.
    tol : float
        Learning ends when no eigenvalue of −∇f exceeds `tol` times |∇f(0)| (Frobenius).
    max_jumps : int, optional
        Stop after so many jumps; None goes to the end of training.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly (the loss is unbounded, the descent
        stalls) raises `PathError` or is returned as far as it was right, with its status.
    callback : callable, optional
        Called with each `Saddle`; returning True stops there.

    Returns
    -------
    SaddlePath
        ``betas[k]`` is W_k, (d, d): one dense array (K+1, d, d) for d up to 400, above that an
        array of K+1 `LowRank`, which hold the factor. ``times`` are t / log(1/α) of the flow as
        written, without a factor 2; losses are f as given. A unit is a column, numbered in the
        order of activation. A certificate's margin is the lead of the clock that rang; ``unique``
        is False where the critical point is one of a continuum, and where max_rank cuts a tie. It
        is examined for factors of up to 400 entries.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    Notes
    -----
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
    """
    tol = checks.real_number(
        tol, "tol", "it is relative and must lie in (0, 1)", lambda v: 0 < v < 1
    )
    size = checked_size(loss)
    max_rank = checks.count(max_rank, "max_rank", least=1)
    task = Factorisation(problem=OnFactors(loss), size=size, max_rank=max_rank, tol=tol)
    algorithm = steps(task, name="Greedy low-rank learning", source=SOURCE)
    return solve(algorithm, max_jumps=max_jumps, on_failure=on_failure, callback=callback)


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

    ``old`` (d, m) are the directions of the previous saddle and ``clocks`` (m,) theirs.
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
    before: int = 0
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
    held = pull.data if hasattr(pull, "toarray") else pull
    _refuse_extreme(float(np.abs(held).max(initial=0.0)))
    scale = float(np.linalg.norm(held))
    rates, vectors = eigenpairs(pull, U, _needed(task, 0), scale)
    return _State(
        U=U,
        value=value,
        pull=pull,
        scale=scale,
        rates=rates,
        vectors=vectors,
        old=vectors,
        clocks=np.full(rates.shape, -1.0),
        escape=U,
    )


def _refuse_extreme(largest: float) -> None:
    """Raise if the largest entry of ∇f(0) is not 0, but its cube is near the ends of float64."""
    if largest and not SMALLEST_PULL <= largest <= LARGEST_PULL:
        raise ValueError(
            f"max(abs(gradient of the loss at 0))={largest!r} must lie between {SMALLEST_PULL:g} "
            f"and {LARGEST_PULL:g}, or squares of forces do not fit a float64; multiply the "
            "targets by a constant."
        )


def _needed(task: Factorisation, rank: int) -> int | None:
    """Return how many dormant directions can still ring, and one to know the margin."""
    return None if task.max_rank is None else task.max_rank - rank + 1


def _utility(task: Factorisation, state: _State) -> Ring | Status:
    """Find the directions whose clocks ring first: c + τλ = 0."""
    if state.rates.max(initial=0.0) <= task.tol * state.scale:
        if state.index == 0:
            return Status.NOTHING_TO_LEARN
        held = state.pull.data if hasattr(state.pull, "toarray") else state.pull
        gone = float(np.linalg.norm(held)) <= task.tol * state.scale
        return Status.CONVERGED if gone else Status.NO_DESCENT
    if state.U.shape[1] == task.max_rank:
        return Status.MAX_RANK_LEFT if is_left(task.problem, state.U) else Status.MAX_RANK
    delay, units, second = next_ring(state.vectors.T @ state.old, state.clocks, state.rates)
    if not math.isfinite(delay):
        return Status.NO_DESCENT
    margin = (second - delay) / delay if delay > 0 else math.inf
    return Ring(delay=delay, units=units, margin=margin)


def _jump(task: Factorisation, state: _State, ring: Ring) -> _State:
    """Advance every clock to the ring; the directions that ring are the way out."""
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
        before=state.U.shape[1],
        escape=state.vectors[:, units],
        margin=ring.margin,
        cut=state.cut or units.size < ring.units.size,
    )


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
    U = descent.U
    value, pull = task.problem.at(U)
    rates, vectors = eigenpairs(pull, U, _needed(task, U.shape[1]), state.scale)
    old = np.hstack([state.old, descent.fallen])
    clocks = np.concatenate([state.clocks, np.zeros(descent.fallen.shape[1])])
    return replace(
        state,
        U=U,
        value=value,
        pull=pull,
        rates=rates,
        vectors=align(rates, vectors, old, clocks),
        old=old,
        clocks=clocks,
        unique=descent.unique and not state.cut,
    )


def _saddle(task: Factorisation, state: _State) -> Saddle:
    """Return the saddle with its certificate: −∇f(W)U = 0, and the loss has fallen."""
    beta, loss = task.show(state.U, state.value)
    rank = state.U.shape[1]
    size = state.scale * float(np.linalg.norm(state.U))
    force = float(np.linalg.norm(state.pull @ state.U)) if rank else 0.0
    return Saddle(
        index=state.index,
        time=state.time,
        beta=beta,
        loss=loss,
        dual=None,
        active=np.arange(rank),
        entered=np.arange(state.before, rank),
        left=np.arange(rank, state.before),
        certificate=Certificate(
            stationarity=force / size if size else 0.0,
            violation=0.0,
            margin=state.margin,
            unique=state.unique,
        ),
    )
