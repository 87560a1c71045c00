"""Eigenvectors of a target M, and initial weights written in them for the closed form.

The flow U' = MU − UUᵀU keeps rotations from the right, U → UO, which W = UUᵀ does not see. In the
basis of eigenvectors of M, eigenvalues decreasing, one rotation makes U(0)/α lower triangular in a
wider sense: each column begins at a mode of its own, its pivot. A growing mode that is no pivot has
no part of the initial weights to itself, and is never learnt. Within equal eigenvalues the basis is
chosen such that the triangle is diagonal there.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from saddles._numerics.precision import EPS
from saddles.typing import Array, Indices

__all__ = ["in_modes"]

#: Eigenvalues are known to about this many n eps of the largest: so near to 0 they are 0, and so
#: near to each other they are equal.
KNOWN = 4.0

#: A part of the initial weights along a mode, beyond what the faster modes share, is this uncertain
#: in units of n eps and the weights' size: below it the mode is absent.
ABSENT = 8.0

#: Above that and below this, relative to the weights' size, rounding would decide when the mode is
#: learnt, since the logarithm of that part enters its time.
UNCERTAIN = 1e-10


def in_modes(target: Array, start: Array) -> tuple[Array, Array, Array, Indices]:
    """Return eigenvalues (n,), eigenvectors (n, n), triangle (n, r) and pivots (k,).

    Parameters
    ----------
    target : ndarray of shape (n, n)
        M, symmetric.
    start : ndarray of shape (n, width)
        U(0)/α.
    """
    rates, modes = np.linalg.eigh(target)
    rates, modes = rates[::-1].copy(), modes[:, ::-1].copy()
    noise = KNOWN * rates.size * EPS * float(np.abs(rates).max())
    rates[np.abs(rates) <= noise] = 0.0
    if start.shape[1] > start.shape[0]:
        start = np.asarray(np.linalg.qr(start.T, mode="r")).T
    absent = ABSENT * rates.size * EPS * float(np.linalg.norm(start, 2))
    axes, pivots = np.zeros((start.shape[1], 0)), np.zeros(0, dtype=np.intp)
    for level in _levels(rates, noise):
        turn, sizes, rows = _beyond(axes, modes[:, level].T @ start)
        present = int((sizes > absent).sum())
        if rates[level.start] > 0:
            _refuse_uncertain(sizes[:present], absent)
            # Within equal rates any basis is one of modes: this one has the triangle diagonal.
            rates[level] = rates[level].mean()
            modes[:, level] = modes[:, level] @ turn
            pivots = np.append(pivots, level.start + np.arange(present))
        axes = np.hstack([axes, rows[:present].T])
    lower = modes.T @ start @ axes
    before = rates[:, None] >= rates[pivots]
    before[pivots, np.arange(pivots.size)] = False
    lower[:, : pivots.size][before] = 0.0
    lower[rates > 0, pivots.size :] = 0.0
    return rates, modes, lower, pivots


def _levels(rates: Array, noise: float) -> Iterator[slice]:
    """Yield the places of each growing rate, equal ones together, then the rest."""
    growing = int((rates > 0).sum())
    edges = 1 + np.flatnonzero(np.diff(rates[:growing]) < -noise)
    bounds = [*([0, *edges.tolist()] if growing else []), growing, rates.size]
    yield from (slice(a, b) for a, b in pairwise(bounds) if a < b)


def _beyond(axes: Array, part: Array) -> tuple[Array, Array, Array]:
    """Return the singular value decomposition of `part` (m, H) less what lies along `axes`."""
    for _ in range(2):  # once leaves rounding of the part's own size
        part = part - part @ axes @ axes.T
    turn, sizes, rows = np.linalg.svd(part, full_matrices=part.shape[0] > part.shape[1])
    return turn, sizes, rows


def _refuse_uncertain(sizes: Array, absent: float) -> None:
    """Raise if a mode is contained in the initial weights by little more than rounding."""
    if (sizes < UNCERTAIN / (ABSENT * EPS) * absent).any():
        raise ValueError(
            f"initial contains a growing mode by {float(sizes.min()):g} only (beyond what faster "
            "modes share): rounding would decide when it is learnt; pass generic weights, or leave "
            "it out."
        )
