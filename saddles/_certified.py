"""States of the dual path turned into the saddles that users see, many at once, with certificates.

Every saddle is checked against the data alone: that its β is a sign-constrained minimiser, and that
its ρ has the clocks of all candidates at their boundaries. Taken together, B (b, k) over the
columns X (n, k) that any of b saddles holds, this takes three products of matrices.

===============  =====================================================================
code name        symbol
===============  =====================================================================
``units``        the coordinates that any of the saddles holds, ascending (k,)
``betas``        B (b, k)
``sides``        σ|x|: sign of the clock times the column's norm; 0 where not held (b, k)
``push``         xᵢ·(y − XB) / σ|x| (b, k)
``drift``        how far xᵢ·ρ / σ|x| is from the boundary over |x| (b, k)
===============  =====================================================================
"""

from __future__ import annotations

from copy import copy
from itertools import pairwise
from typing import Any

import numpy as np

from saddles._dual_path import Network, State
from saddles.certificate import Certificate
from saddles.path import Saddle
from saddles.typing import Array, Indices, Mask

__all__ = ["SPARSE_FROM", "saddles"]

#: From so many features on, a path stores its coefficients as sparse rows.
SPARSE_FROM = 10_000


def saddles(network: Network, states: list[State]) -> list[Saddle]:
    """Return the saddles of `states`, which follow each other, in the user's units."""
    data = network.data
    units, places = _union(network, states)
    betas, sides = np.zeros((2, len(states), units.size))
    betas.ravel()[places] = np.concatenate([state.values for state in states])
    sides.ravel()[places] = np.concatenate([state.sides for state in states])
    stationarity, violation = _optimality(network, states, units, betas, sides)
    used = betas != 0
    before = np.zeros_like(used)
    before[1:] = used[:-1]
    before[0] = np.isin(units, states[0].previous, assume_unique=True)
    units_of = [_split(units, mask) for mask in (used, used & ~before, before & ~used)]
    points = _stored(network, units, data.betas(betas, units), used, units_of[0])
    certificates = [
        Certificate(
            stationarity=worst, violation=violated, margin=state.margin, unique=state.unique
        )
        for state, worst, violated in zip(
            states, stationarity.tolist(), violation.tolist(), strict=True
        )
    ]
    return [
        Saddle(
            index=state.jumps,
            time=data.time(state.time),
            beta=point,
            loss=data.loss(state.fit.residual),
            dual=state.dual,
            active=active,
            entered=entered,
            left=left,
            certificate=certificate,
        )
        for state, point, active, entered, left, certificate in zip(
            states, points, *units_of, certificates, strict=True
        )
    ]


def _union(network: Network, states: list[State]) -> tuple[Indices, Indices]:
    """Return the coordinates of all, those of the saddle before too, and places in a (b, k) array.

    The places are those of the candidates of each saddle in turn, in the flattened array.
    """
    held = np.concatenate([state.candidates for state in states])
    marks, places = network.marks, network.places
    marks[held] = marks[states[0].previous] = True
    units = marks.nonzero()[0]
    marks[units] = False
    places[units] = np.arange(units.size)
    counts = [state.candidates.size for state in states]
    return units, places[held] + np.repeat(np.arange(len(states)) * units.size, counts)


def _optimality(
    network: Network, states: list[State], units: Indices, betas: Array, sides: Array
) -> tuple[Array, Array]:
    """Return the largest gradient and the largest violation of each saddle, both (b,)."""
    if units.size == 0:
        return np.zeros(len(states)), np.zeros(len(states))
    data, held, used = network.data, sides != 0, betas != 0
    columns = data.features.chosen(units)
    duals = np.array([state.dual for state in states])
    rest = data.y[:, None] - columns.combined(betas.T)
    push = _over(columns.pull(rest).T, sides, held)
    pushed = np.where(held & ~used, push, 0.0).max(axis=1, initial=0.0)
    inwards = (betas * sides).min(axis=1, initial=0.0)
    stationarity = np.where(used, np.abs(push), 0.0).max(axis=1, initial=0.0)
    boundary = np.where(sides > 0, network.upper[units], network.lower[units])
    goals = _over(boundary, np.abs(sides), held)
    drift = np.abs(_over(columns.pull(duals.T).T, sides, held) - goals)
    # Relative to |x_i| |ρ| where that is larger: no dual point in float64 could tell more.
    drift = _over(drift, np.maximum(goals, np.abs(duals).max(axis=1)[:, None]), held)
    violation = np.maximum(pushed, -inwards) / data.target_norm
    return stationarity / data.target_norm, np.maximum(violation, drift.max(axis=1, initial=0.0))


def _over(above: Array, below: Array, where: Mask) -> Array:
    """Return a quotient, 0 elsewhere."""
    return np.divide(above, below, out=np.zeros(where.shape), where=where)


def _split(units: Indices, mask: Mask) -> list[Indices]:
    """Return the coordinates marked in each row of `mask` (b, k)."""
    places = mask.ravel().nonzero()[0]
    marked = units[places % max(units.size, 1)]
    ends = np.searchsorted(places, np.arange(len(mask) + 1) * units.size).tolist()
    return [marked[first:end] for first, end in pairwise(ends)]


def _stored(
    network: Network, units: Indices, betas: Array, used: Mask, active: list[Indices]
) -> list[Any]:
    """Return each β as a dense array, or as a sparse row if it is very long."""
    d = network.data.shape[1]
    if d < SPARSE_FROM:
        dense = np.zeros((len(betas), d))
        dense[:, units] = betas
        return list(dense)
    from scipy.sparse import csr_array

    empty, points = csr_array((1, d)), list[Any]()
    for beta, mask, indices in zip(betas, used, active, strict=True):
        row = copy(empty)  # the constructor would spend its time on checks
        row.data, row.indices, row.indptr = beta[mask], indices, np.array([0, indices.size])
        row.data.setflags(write=False)
        points.append(row)
    return points
