"""Greedy low-rank learning of a matrix that is seen in full, in closed form.

For f(W) = ½ |W − M|² the modes of M do not interact: mode i, of eigenvalue λ_i > 0, is learnt at
1/λ_i (in units of log(1/α)), and W_k is the sum of the first k. Li, Luo and Lyu (2021,
arXiv:2012.09839), section 4; Arora, Cohen, Hu and Luo (2019, arXiv:1905.13655) for the modes.

============  ====================================================================
code name     symbol
============  ====================================================================
``values``    λ, eigenvalues of M, falling, shape (m,)
``vectors``   their eigenvectors, shape (d, m)
``misses``    |M v_i − λ_i v_i|, shape (m,)
``scale``     |M| (Frobenius)
``blur``      how far rounding may shift an eigenvalue
============  ====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from saddles._matrix.handed_clocks import eigenpairs
from saddles._matrix.loss_checks import refuse_extreme
from saddles._matrix.losses import FullMatrix
from saddles._matrix.on_factors import NOISE
from saddles._result.certificate import Certificate
from saddles._result.path import Saddle
from saddles.alternation import Algorithm, Rest, Ring
from saddles.status import Status
from saddles.typing import Array

__all__ = ["full_steps"]

#: Relative difference of eigenvalues that are equal up to rounding.
COINCIDENT = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class _Modes:
    """What is learnt, and how it is shown; see the module's table."""

    loss: FullMatrix
    max_rank: int | None
    tol: float
    show: Callable[[Array, float], tuple[Any, float]]
    values: Array
    vectors: Array
    misses: Array
    scale: float

    @property
    def blur(self) -> float:
        """Return how far rounding may shift an eigenvalue."""
        return NOISE * self.scale


@dataclass(frozen=True, kw_only=True, eq=False)
class _State:
    """Where the path is: `rank` modes are learnt, `before` of them at the saddle before."""

    index: int = 0
    time: float = 0.0
    rank: int = 0
    before: int = 0
    margin: float = math.inf
    cut: bool = False
    value: float


def full_steps(
    loss: FullMatrix,
    *,
    max_rank: int | None,
    tol: float,
    show: Callable[[Array, float], tuple[Any, float]],
    name: str,
    source: str,
) -> Algorithm[_State]:
    """Return the algorithm for `loss`; `show` makes a point of the path from U and f."""
    refuse_extreme(float(np.abs(loss.M).max()))
    scale = float(np.linalg.norm(loss.M))
    count = None if max_rank is None else max_rank + 1
    values, vectors = eigenpairs(loss.M, np.zeros((loss.size, 0)), count, scale)
    modes = _Modes(
        loss=loss,
        max_rank=max_rank,
        tol=tol,
        show=show,
        values=values,
        vectors=vectors,
        misses=np.linalg.norm(loss.M @ vectors - vectors * values, axis=0),
        scale=scale,
    )
    return Algorithm(
        name=name,
        source=source,
        start=lambda: _State(value=loss.value(np.zeros(loss.M.shape))),
        utility=partial(_utility, modes),
        jump=partial(_jump, modes),
        cost=partial(_cost, modes),
        saddle=partial(_saddle, modes),
    )


def _utility(modes: _Modes, state: _State) -> Ring | Rest | Status:
    """Find the largest eigenvalue that is left; those that rounding cannot tell from it join."""
    left = modes.values[state.rank :]
    top = float(left.max(initial=0.0))
    least = max(modes.tol * modes.scale, modes.blur)
    if top <= least:
        return _end(modes, state, top)
    if state.rank == modes.max_rank:
        return Status.MAX_RANK
    together = int((left >= top - max(COINCIDENT * top, modes.blur)).sum())
    second = left[together] if together < left.size else 0.0
    delay = 1 / top - state.time
    margin = (1 / second - 1 / top) / delay if second > least else math.inf
    units = state.rank + np.arange(together)
    return Ring(delay=delay, units=units, margin=margin, due=1 / top)


def _end(modes: _Modes, state: _State, top: float) -> Rest | Status:
    """Return what is left to learn where no mode can be told from none."""
    unit = modes.scale or 1.0
    rest = Rest(growth=top / unit, least=modes.tol, noise=modes.blur / unit)
    gone = math.sqrt(2 * state.value) <= modes.tol * modes.scale
    ends = rest.status(state.index) is Status.CONVERGED
    return Status.NO_DESCENT if ends and not gone else rest


def _jump(modes: _Modes, state: _State, ring: Ring) -> _State:
    """Let in the modes that ring, as far as there are columns for them."""
    assert ring.due is not None
    after = state.rank + ring.units.size
    rank = after if modes.max_rank is None else min(after, modes.max_rank)
    return replace(
        state,
        index=state.index + 1,
        time=ring.due,
        rank=rank,
        before=state.rank,
        margin=ring.margin,
        cut=state.cut or rank < after,
    )


def _cost(modes: _Modes, state: _State) -> _State:
    """Learn them: f falls by Σ λ²/2, of which a value beside large negative modes shows nothing."""
    U = _factor(modes, state)
    return replace(state, value=min(state.value, modes.loss.value(U @ U.T)))


def _factor(modes: _Modes, state: _State) -> Array:
    """Return U, the columns √λ_i v_i of the modes that are learnt."""
    learnt = slice(state.rank)
    return np.asarray(modes.vectors[:, learnt] * np.sqrt(modes.values[learnt]))


def _saddle(modes: _Modes, state: _State) -> Saddle:
    """Return the saddle with its certificate: the eigenvectors are some."""
    beta, loss = modes.show(_factor(modes, state), state.value)
    learnt = modes.values[: state.rank]
    force = math.sqrt(float(modes.misses[: state.rank] ** 2 @ learnt))
    size = modes.scale * math.sqrt(float(learnt.sum()))
    return Saddle(
        index=state.index,
        time=state.time,
        beta=beta,
        loss=loss,
        dual=None,
        active=np.arange(state.rank),
        entered=np.arange(state.before, state.rank),
        left=np.arange(0),
        certificate=Certificate(
            stationarity=force / size if size else 0.0,
            violation=0.0,
            margin=state.margin,
            unique=not state.cut,
        ),
    )
