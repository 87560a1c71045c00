"""Parts of a linear network's data that never interact, told from rounding.

Σyx = U diag(s) Vᵀ. The flow of f(x) = AWx keeps every part of the data to itself: a set of singular
pairs whose inputs Σxx maps, in any number of steps, to inputs of no other pair. With E_m the
projection on the m-th eigenspace of Σxx, pairs j and k are of one part if v_jᵀE_m v_k is not zero
for some m, or if a chain of such pairs joins them. Commuting data are parts of one pair each.

What rounding makes of such a product follows from perturbation theory. A vector of an eigenspace is
known to ε|Σxx| over the gap to the next one, a singular vector to ε s_1 over the gap to the next
singular value. Products near that noise are in doubt, and the data are then taken apart both ways.

==============  ==============================================================================
code name       symbol
==============  ==============================================================================
``signals``     s, falling, shape (q,), q the rank of Σyx
``outputs``     U, shape (c, q)
``shares``      v_k in the eigenvectors of Σxx, shape (d, q)
``labels``      the part of each pair, shape (q,)
==============  ==============================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles._matrix.moments import Moments
from saddles._numerics.precision import EPS, ULPS
from saddles.typing import Array, Indices

__all__ = ["Pairs"]

#: A product this many times above its noise is surely none; one below its noise surely is.
BEYOND_DOUBT = 4.0

#: A noise above this hides too much for what lies below it to be taken for zero.
HIDING = 1e-4


@dataclass(frozen=True, eq=False)
class Pairs:
    """The singular pairs of Σyx, and which of them are of one part.

    Attributes
    ----------
    signals : ndarray of shape (q,)
        Singular values, falling.
    outputs : ndarray of shape (c, q)
        Left singular vectors. Among pairs of one singular value they are turned, together with the
        right ones, so that as few as possible are of one part.
    shares : ndarray of shape (d, q)
        Right singular vectors, in the eigenvectors of Σxx.
    labels : list of ndarray of shape (q,)
        The part of each pair; twice, coarse and fine, if some products are near their noise.
    """

    signals: Array
    outputs: Array
    shares: Array
    labels: list[Indices]

    @classmethod
    def of(cls, moments: Moments) -> Pairs:
        """Take the data apart."""
        left, signals, right = np.linalg.svd(moments.yx, full_matrices=False)
        rank = int((signals > EPS * max(moments.yx.shape) * signals[0]).sum())
        signals, left = signals[:rank], left[:, :rank]
        shares = moments.vectors.T @ right[:rank].T
        if not rank:
            return cls(signals, left, shares, [np.zeros(0, dtype=np.intp)])
        noise = ULPS * math.sqrt(max(moments.yx.shape))
        spaces, equals = _groups(moments.values, noise), _groups(signals, noise)
        tilts = _tilts(signals, equals, noise)
        if spaces[-1] > 0 and equals[-1] < rank - 1:
            turn, tilts = _untied(moments.values, signals, equals, shares, tilts, noise)
            left, shares = left @ turn, shares @ turn
        may, must = _links(moments.values, spaces, signals, shares, tilts, noise)
        labels = [_parts(may)]
        if (may != must).any() and (fine := _parts(must)).max() > labels[0].max():
            labels.append(fine)
        return cls(signals, left, shares, labels)


def _groups(values: Array, noise: float) -> Indices:
    """Return numbers from 0 for sorted values (m,), one number for values equal up to noise."""
    apart = np.abs(np.diff(values)) > noise * np.abs(values).max(initial=0.0)
    return np.concatenate([[0], np.cumsum(apart)])[: values.size]


def _tilts(values: Array, group: Indices, noise: float) -> Array:
    """Return how far rounding turns the vectors of sorted values into one another, (m, m).

    Among those of one group it has no meaning, and is 0.
    """
    gaps = np.abs(values[:, None] - values)
    gaps[group[:, None] == group] = math.inf
    return noise * float(np.abs(values).max()) / gaps


def _untied(
    values: Array, signals: Array, equals: Indices, shares: Array, tilts: Array, noise: float
) -> tuple[Array, Array]:
    """Return the turn (q, q) of pairs with equal singular values, and the tilts with it.

    A generic element of the algebra of Σxx and ΣyxᵀΣyx, seen from the inputs of one singular value,
    has eigenvectors of one part each, unless parts are copies of one another; those may mix.
    """
    generic = (shares.T * np.exp(values / values.max())) @ shares + np.diag(signals / signals[0])
    levels, vectors = np.linalg.eigh(generic)
    generic = (vectors * np.exp(levels)) @ vectors.T
    turn, tilts = np.eye(signals.size), tilts.copy()
    for number in np.flatnonzero(np.bincount(equals) > 1):
        members = np.flatnonzero(equals == number)
        tied = np.ix_(members, members)
        levels, turn[tied] = np.linalg.eigh(generic[tied])
        unsure = noise * signals[0] / signals[members[0]] + tilts[members].max()
        tilts[tied] = _tilts(levels, _groups(levels, unsure), unsure)
    return turn, tilts


def _links(
    values: Array, spaces: Indices, signals: Array, shares: Array, tilts: Array, noise: float
) -> Any:
    """Say which products v_jᵀE_m v_k may not be zero, and which surely are not: (2, q, q)."""
    first = np.flatnonzero(np.diff(spaces, prepend=-1))
    sizes = np.sqrt(np.add.reduceat(shares**2, first, axis=0))
    unknown = _tilts(values[first], spaces[first], noise) @ sizes + sizes @ tilts
    unknown += noise * (1 + signals[0] / signals)
    bounds = sizes + unknown
    linked = np.stack([np.eye(signals.size, dtype=bool)] * 2)
    # A product is at most that of its two sizes, so both must pass for one to be above its noise.
    near = (2 * sizes > bounds) | (sizes > HIDING)
    for m in np.flatnonzero(near.sum(axis=1) > 1):
        some = np.flatnonzero(near[m])
        inside = shares[spaces == m][:, some]
        products = np.abs(inside.T @ inside)
        doubt = np.outer(bounds[m, some], bounds[m, some])
        doubt -= np.outer(sizes[m, some], sizes[m, some])
        linked[0][np.ix_(some, some)] |= products > np.minimum(doubt, HIDING)
        linked[1][np.ix_(some, some)] |= products > BEYOND_DOUBT * doubt
    return linked


def _parts(linked: Any) -> Indices:
    """Return the number of the part of each pair, given which are linked (q, q)."""
    if np.count_nonzero(linked) == linked.shape[0]:
        return np.arange(linked.shape[0])
    from scipy.sparse.csgraph import connected_components

    return np.asarray(connected_components(linked, directed=False)[1])
