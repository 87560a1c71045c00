"""Dormant directions of a factorised matrix, and the clock of each.

At a saddle W = UUᵀ the columns outside the range of U are exponentially small. Their sizes
α^(−c), c from −1 upwards, are the clocks: c grows at the rate λ, an eigenvalue of −∇f(W) on the
complement of range(U), and rings at 0. Between two saddles the eigenvectors turn, and a clock is
handed from an old direction to a new one. Columns of graded sizes e^{Lc} seen in a new basis whose
entries grow at graded rates e^{Lτλ} have, for large L = log(1/α), the exponents that Gaussian
elimination with pivots of largest c + τλ finds: with overlaps in general position the j-th largest
clock goes to the j-th largest rate, and a direction that keeps to itself (commuting data,
disconnected observations) keeps its own clock.

==============  ==============================================================
code name       symbol
==============  ==============================================================
``clocks``      c, the logarithm of a size in units of log(1/α), shape (m,)
``rates``       λ, eigenvalues on the complement, falling, shape (m,)
``vectors``     their eigenvectors, shape (d, m)
``overlap``     <new vector, old vector>, shape (m_new, m_old)
==============  ==============================================================
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from saddles.typing import Array, Indices

__all__ = ["align", "eigenpairs", "hand_over", "next_ring"]

#: Up to this d every eigenpair is computed; above it Lanczos' method finds those that are needed.
ALL_EIGENPAIRS = 400
#: Smallest overlap, and smallest pivot of the elimination, that is not rounding.
OVERLAP = 1e-7
#: Relative difference of eigenvalues or clocks that are equal up to rounding.
COINCIDENT = 1e-9


def eigenpairs(pull: Any, U: Array, count: int | None, scale: float) -> tuple[Array, Array]:
    """Return the top eigenvalues (m,), falling, and eigenvectors (d, m) of `pull` beside range(U).

    Parameters
    ----------
    pull : ndarray or scipy.sparse array of shape (d, d)
        −∇f.
    U : ndarray of shape (d, r)
        The active columns.
    count : int or None
        How many are needed; None for all. More may be returned.
    scale : float
        |∇f(0)|, which bounds nothing but sets the shift away from the active directions.
    """
    d, r = U.shape
    left = d - r
    if left == 0:
        return np.zeros(0), np.zeros((d, 0))
    if count is None or d <= ALL_EIGENPAIRS or count > d // 8:
        return _dense(pull.toarray() if hasattr(pull, "toarray") else pull, U)
    from scipy.sparse.linalg import LinearOperator, eigsh

    basis = np.linalg.qr(U)[0]

    def beside(x: Array) -> Array:
        inside = basis.T @ x
        y = pull @ (x - basis @ inside)
        return np.asarray(y - basis @ (basis.T @ y) - 10 * scale * (basis @ inside))

    operator = LinearOperator((d, d), matvec=beside, dtype=float)
    start = np.random.default_rng(0).standard_normal(d)
    rates, vectors = eigsh(operator, k=min(count, left - 1), which="LA", v0=start)
    order = np.argsort(-rates)
    return rates[order], vectors[:, order]


def _dense(pull: Array, U: Array) -> tuple[Array, Array]:
    r = U.shape[1]
    complement = np.linalg.qr(U, mode="complete")[0][:, r:] if r else np.eye(U.shape[0])
    rates, vectors = np.linalg.eigh(complement.T @ pull @ complement)
    return rates[::-1], (complement @ vectors)[:, ::-1]


def align(rates: Array, vectors: Array, old: Array, clocks: Array) -> Array:
    """Turn the eigenvectors of equal rates so that larger clocks come first among them.

    Which basis of an eigenspace an eigensolver returns is arbitrary; the dynamics uses the one
    that the old directions, projected there in the order of their clocks, span one by one.
    """
    vectors = vectors.copy()
    gap = COINCIDENT * float(np.abs(rates).max(initial=0.0))
    ranked = old[:, np.argsort(-clocks, kind="stable")]
    first = 0
    for last in range(1, rates.size + 1):
        if last < rates.size and rates[last - 1] - rates[last] <= gap:
            continue
        if last - first > 1:
            group = vectors[:, first:last]
            projected = group.T @ ranked
            seen = projected[:, np.linalg.norm(projected, axis=0) > OVERLAP]
            vectors[:, first:last] = (
                group @ np.linalg.qr(np.hstack([seen, np.eye(last - first)]))[0]
            )
        first = last
    return vectors


def next_ring(overlap: Array, clocks: Array, rates: Array) -> tuple[float, Indices, float]:
    """Return the delay until the first clock rings, the rows of `overlap` that do, and the next.

    Returns
    -------
    delay : float
        Scaled time until c + τλ = 0 for some overlapping pair.
    rows : ndarray of int
        New directions whose clocks ring together.
    second : float
        Delay at which the next one would ring; infinite if none would.
    """
    delay = _earliest(overlap, clocks, rates)
    pairs, rest, left_rows, left_cols = _eliminate(
        overlap, clocks, rates, delay, until=-COINCIDENT * max(1.0, float(np.abs(clocks).max()))
    )
    rows = np.array([row for row, _ in pairs], dtype=np.intp)
    second = _earliest(rest, clocks[left_cols], rates[left_rows])
    return delay, rows, second


def hand_over(overlap: Array, clocks: Array, rates: Array, delay: float) -> Array:
    """Return the clocks (m_new,) of the new directions after `delay`."""
    pairs, _, left_rows, left_cols = _eliminate(overlap, clocks, rates, delay, until=-math.inf)
    after = np.full(rates.shape, -math.inf)
    for row, col in pairs:
        after[row] = clocks[col] + delay * rates[row]
    # Directions beyond those that were tracked: by rank.
    by_clock = left_cols[np.argsort(-clocks[left_cols], kind="stable")]
    for row, col in zip(left_rows, by_clock, strict=False):
        after[row] = clocks[col] + delay * rates[row]
    return after


def _earliest(overlap: Array, clocks: Array, rates: Array) -> float:
    """Return the least −c/λ over overlapping pairs with λ > 0."""
    growing = np.flatnonzero(rates > 0)
    if growing.size == 0 or clocks.size == 0:
        return math.inf
    times = -clocks[None, :] / rates[growing, None]
    return float(np.where(np.abs(overlap[growing]) > OVERLAP, times, math.inf).min())


def _eliminate(
    overlap: Array, clocks: Array, rates: Array, delay: float, *, until: float
) -> tuple[list[tuple[int, int]], Array, Indices, Indices]:
    """Pair new directions with old clocks, largest c + τλ first, while it is at least `until`.

    Returns
    -------
    pairs : list of (row, column)
        In the order found.
    rest : ndarray
        What the elimination leaves of the overlaps of the others.
    rows, cols : ndarray of int
        The others.
    """
    rest = overlap.copy()
    rows, cols = np.arange(rates.size), np.arange(clocks.size)
    exponents = clocks[None, :] + (delay * rates[:, None] if math.isfinite(delay) else 0.0)
    pairs: list[tuple[int, int]] = []
    while rest.size:
        size = np.abs(rest)
        weight = np.where(size > OVERLAP, exponents[np.ix_(rows, cols)], -math.inf)
        best = float(weight.max())
        if best == -math.inf or best < until:
            break
        tied = weight >= best - COINCIDENT * max(1.0, abs(best))
        i, j = np.unravel_index(int(np.where(tied, size, 0.0).argmax()), size.shape)
        pairs.append((int(rows[i]), int(cols[j])))
        rest = rest - np.outer(rest[:, j], rest[i]) / rest[i, j]
        rest = np.delete(np.delete(rest, i, axis=0), j, axis=1)
        rows, cols = np.delete(rows, i), np.delete(cols, j)
    return pairs, rest, rows, cols
