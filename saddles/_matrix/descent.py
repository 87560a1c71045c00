"""Descent of the active columns: from a saddle's escape direction to the next critical point.

Li, Luo and Lyu (2021, arXiv:2012.09839): after the escape the factor follows U' = −∇f(UUᵀ) U from
[U, √ε u], u the top eigenvector of −∇f(UUᵀ). Which critical point it reaches is a question about
that flow, so the flow is followed until the critical point is certain; Newton's method then adds
the digits. A Newton step is trusted only if it stays small, and if it neither climbs to a saddle
that the flow is leaving nor lands in a continuum of critical points that the flow must choose from.

`dense_descent` follows few columns closely, over many orders of magnitude, and `large_descent` many
by products alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from saddles._matrix.dense_descent import Descent, Outline, descend_dense
from saddles._matrix.frames import Frame
from saddles._matrix.large_descent import descend_large
from saddles._matrix.on_factors import NOISE, OnFactors
from saddles._numerics.critical import curves_down
from saddles._numerics.precision import EPS
from saddles.typing import Array, Mask

__all__ = ["Descent", "OnFactors", "descend_factor", "is_left"]

#: Largest number of entries of U for which the Hessian is formed and decomposed.
DENSE_HESSIAN = 400
#: Curvature downwards, relative to the largest, that no rounding of a gradient explains.
DOWNWARDS = 1e-6
#: Trials of a column's size; the next is `FARTHER` times as far while the slope has fallen by less.
TRIALS, FARTHER, UNFALLEN = 40, 100.0, 0.01


def descend_factor(
    problem: OnFactors,
    U: Array,
    escape: Array,
    rate: float,
    *,
    scale: float,
    symmetry: Callable[[Array], Array],
) -> Descent:
    """Follow the flow from the saddle `U` along `escape` to the critical point it tends to.

    Parameters
    ----------
    problem : OnFactors
        The loss.
    U : ndarray of shape (d, r)
        The saddle that is left.
    escape : ndarray of shape (d, q)
        Orthonormal eigenvectors of −∇f(UUᵀ) whose clocks rang.
    rate : float
        Their largest eigenvalue.
    scale : float
        |∇f(0)|, the unit of forces.
    symmetry : callable
        U -> directions (dr, m) that leave f unchanged, flattened.

    Raises
    ------
    Breakdown
        UNBOUNDED if the factor grows beyond all bounds, STALLED if no critical point is reached,
        LOSS_FAILED if that is because of the loss.
    """
    if len(problem.parts.bases) > 1:
        return _part_by_part(problem, U, escape, scale, symmetry)
    outline = Outline(
        problem=problem,
        U=U,
        escape=escape,
        rate=rate,
        reach=_reach(problem, U, escape, rate),
        blur=max(NOISE * scale, problem.rounding(U, problem.pull(U))),
        scale=scale,
        symmetry=symmetry,
    )
    few = U.size + escape.size <= DENSE_HESSIAN
    return descend_dense(outline) if few else descend_large(outline)


def _part_by_part(
    problem: OnFactors,
    U: Array,
    escape: Array,
    scale: float,
    symmetry: Callable[[Array], Array],
) -> Descent:
    """Let every part of the loss descend from which columns escape; the others rest.

    What a column of one part has in the rows of another is not determined: it stays zero.
    """
    fallen, unique = [], True
    for basis, ways in _of_parts(problem.parts.bases, escape):
        inside = _inside(basis, U)
        part = problem.within(basis, U[:, ~inside])
        own = basis.T @ U[:, inside]
        rate = float(np.linalg.eigvalsh(ways.T @ part.pull(own) @ ways)[-1])
        inner = partial(_within, symmetry, basis)
        found = descend_factor(part, own, ways, rate, scale=scale, symmetry=inner)
        U = np.hstack([U[:, ~inside], basis @ found.U])
        fallen.append(basis @ found.fallen)
        unique = unique and found.unique
    learning = sum(bool(_inside(basis, U).any()) for basis in problem.parts.bases)
    return Descent(U, np.hstack(fallen), unique and learning == 1)


def _within(symmetry: Callable[[Array], Array], basis: Array, U: Array) -> Array:
    """Return the directions (mr, k) that leave f unchanged, of a factor U (m, r) of one part."""
    whole = symmetry(basis @ U)
    left, sizes, _ = np.linalg.svd(whole, full_matrices=False)
    kept = left[:, sizes > EPS * len(whole) * sizes.max(initial=0.0)]
    inside = np.einsum("dm,drk->mrk", basis, kept.reshape(len(basis), U.shape[1], -1))
    # What leaves f unchanged is in the part, or in the others.
    own, shares, _ = np.linalg.svd(inside.reshape(U.size, -1), full_matrices=False)
    return np.asarray(own[:, shares > 1 / 2])


def _inside(basis: Array, U: Array) -> Mask:
    """Return which columns of U (d, r) are of the part with this basis."""
    return np.asarray(np.linalg.norm(basis.T @ U, axis=0) > np.linalg.norm(U, axis=0) / 2)


def _of_parts(parts: list[Array], escape: Array) -> list[tuple[Array, Array]]:
    """Return the parts (d, m) that the directions `escape` (d, q) are of, and those in it (m, p).

    Of equal rates in several parts an eigensolver may return mixtures.
    """
    inside = [np.linalg.svd(basis.T @ escape, full_matrices=False)[:2] for basis in parts]
    least = np.sort(np.concatenate([sizes for _, sizes in inside]))[-escape.shape[1]]
    chosen = [left[:, sizes >= least] for left, sizes in inside]
    return [pair for pair in zip(parts, chosen, strict=True) if pair[1].size]


def _reach(problem: OnFactors, U: Array, escape: Array, rate: float) -> float:
    """Return the size that the new columns will about have: there the slope along them is gone.

    Where it does not fall, the size of U (or 1) must do.
    """
    square = rate
    for _ in range(TRIALS):
        pull = problem.pull(np.hstack([U, math.sqrt(square) * escape]))
        fallen = 1 - float(np.mean(np.sum(escape * (pull @ escape), axis=0))) / rate
        if not math.isfinite(fallen):
            square /= FARTHER
        elif fallen < UNFALLEN:
            square *= FARTHER
        elif fallen <= 2:
            return math.sqrt(square / fallen)
        else:
            square /= fallen
    return float(np.linalg.norm(U)) or 1.0


def is_left(problem: OnFactors, U: Array) -> bool:
    """Whether columns that only turn lower the loss: the flow leaves such a saddle of its own rank.

    Not examined, and denied, for factors of more than `DENSE_HESSIAN` entries.
    """
    if not 0 < U.size <= DENSE_HESSIAN:
        return False
    left, sizes, _ = np.linalg.svd(U, full_matrices=False)
    U, pull = left * sizes, problem.pull(left * sizes)
    natural = Frame.natural(problem, U, left[:, :0], math.inf)
    blur = problem.rounding(U, pull)
    curved = natural.curved(U, natural.hessian(U, pull), blur)
    slack = blur * float((curved.sizes**2).max())
    return curves_down(curved.hessian(U, pull), share=DOWNWARDS, slack=slack)
