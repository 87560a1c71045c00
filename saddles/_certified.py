"""States of the dual path turned into the saddles that users see, many at once, with certificates.

Every saddle is checked against the data alone: that its β is a sign-constrained minimiser, and that
its ρ has the clocks of all candidates at their boundaries. Taken together, B (b, k) over the
columns X (n, k) that any of b saddles holds, this takes two products of matrices.

===============  =====================================================================
code name        symbol
===============  =====================================================================
``units``        the coordinates that any of the saddles holds, ascending (k,)
``betas``        B (b, k)
``place``,       which of ``units`` the candidates of each saddle in turn are, and where in
``places``       a flattened (b, k) array (m,)
``values``       β of these candidates (m,)
``sides``        σ|x| of the same: sign of the clock times the column's norm (m,)
``push``         xᵢ·(y − Xβ) / σ|x| (m,)
``drift``        how far xᵢ·ρ / σ|x| is from the boundary over |x| (m,)
===============  =====================================================================
"""

from __future__ import annotations

from copy import copy
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
    units, place, places = _union(network, states)
    values = np.concatenate([state.values for state in states])
    betas = _scattered(values, places, (len(states), units.size))
    stationarity, violation = _optimality(network, states, units, place, places, betas)
    used = betas != 0
    before = np.concatenate([_marked(network, units, states[0].previous)[None], used[:-1]])
    units_of = [[units[row] for row in mask] for mask in (used, used > before, before > used)]
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


def _union(network: Network, states: list[State]) -> tuple[Indices, Indices, Indices]:
    """Return the coordinates of all, those of the saddle before too, and where candidates are.

    That is, for those of each saddle in turn, the place among the coordinates and the one in a
    flattened (b, k) array.
    """
    held = np.concatenate([state.candidates for state in states])
    marks, places = network.marks, network.places
    marks[held] = marks[states[0].previous] = True
    units = marks.nonzero()[0]
    marks[units] = False
    places[units] = np.arange(units.size)
    counts, place = [state.candidates.size for state in states], places[held]
    return units, place, place + np.repeat(np.arange(len(states)) * units.size, counts)


def _marked(network: Network, units: Indices, some: Indices) -> Mask:
    """Mark which of `units` (k,) are among `some`."""
    network.marks[some] = True
    marked = network.marks[units]
    network.marks[some] = False
    return marked


def _scattered(values: Array, places: Indices, shape: tuple[int, int]) -> Array:
    """Return an array of zeros but for `values` (m,) at `places` when flattened."""
    scattered = np.zeros(shape)
    scattered.ravel()[places] = values
    return scattered


def _optimality(
    network: Network,
    states: list[State],
    units: Indices,
    place: Indices,
    places: Indices,
    betas: Array,
) -> tuple[Array, Array]:
    """Return the largest gradient and the largest violation of each saddle, both (b,)."""
    count, data = len(states), network.data
    if units.size == 0:
        return np.zeros(count), np.zeros(count)
    columns, duals = data.features.chosen(units), np.array([state.dual for state in states])
    rest = data.y - columns.combined(betas.T).T
    sides = np.concatenate([state.sides for state in states])
    push, clocks = (columns.pull(v.T).T.ravel()[places] / sides for v in (rest, duals))
    upper, lower = (bound[units][place] for bound in (network.upper, network.lower))
    goals = np.where(sides > 0, upper, lower) / np.abs(sides)
    # Relative to |x_i| |ρ| where that is larger: no dual point in float64 could tell more.
    sizes = np.repeat(np.abs(duals).max(axis=1), [state.candidates.size for state in states])
    drift = np.abs(clocks - goals) / np.maximum(goals, sizes)
    values = betas.ravel()[places]
    unused, slope = values == 0, np.abs(push)
    slope[unused] = 0.0
    wrong = np.where(unused, push, -values * sides)
    drift *= data.target_norm
    stationarity, violation = (
        _scattered(worst, places, betas.shape).max(axis=1, initial=0.0) / data.target_norm
        for worst in (slope, np.maximum(wrong, drift))
    )
    return stationarity, violation


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
