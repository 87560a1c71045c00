"""States of the dual path turned into the saddles that users see, many at once, with certificates.

Every saddle is checked against the data alone: that its β is a sign-constrained minimiser, and that
its ρ has the clocks of all candidates at their boundaries. Taken together, B (b, k) over the
columns X (n, k) that any of b saddles holds, this takes two products of matrices.

===============  =====================================================================
code name        symbol
===============  =====================================================================
``units``        the coordinates that any of the saddles holds, ascending (k,)
``betas``        B (b, k)
``counts``       how many candidates each saddle has (b,)
``place``,       which of ``units`` the candidates of each saddle in turn are, and where in
``flat``         a flattened (b, k) array (m,)
``values``       β of these candidates (m,)
``sides``        σ|x| of the same: sign of the clock times the column's norm (m,)
``push``         xᵢ·(y − Xβ) / σ|x| (m,)
``drift``        how far xᵢ·ρ / σ|x| is from the boundary over |x| (m,)
===============  =====================================================================
"""

from __future__ import annotations

from copy import copy
from typing import Any, NamedTuple

import numpy as np

from saddles._diagonal.dual_path import Network, State
from saddles._result.certificate import Certificate
from saddles._result.path import Saddle
from saddles.typing import Array, Indices, Mask

__all__ = ["SPARSE_FROM", "saddles"]

#: From this number of features on, a path stores its coefficients as sparse rows.
SPARSE_FROM = 10_000


class _Held(NamedTuple):
    """The candidates of several saddles; see the module's table."""

    units: Indices
    counts: list[int]
    place: Indices
    flat: Indices
    values: Array
    sides: Array


def saddles(network: Network, states: list[State]) -> list[Saddle]:
    """Return the saddles of `states`, which follow each other, in the user's units."""
    data = network.data
    held = _held(network, states)
    units, betas = held.units, _scattered(held.values, held, len(states))
    stationarity, violation = _optimality(network, states, held, betas)
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


def _held(network: Network, states: list[State]) -> _Held:
    """Return the candidates of all; the coordinates include those of the saddle before."""
    indices = np.concatenate([state.candidates for state in states])
    marks, places = network.marks, network.places
    marks[indices] = marks[states[0].previous] = True
    units = marks.nonzero()[0]
    marks[units] = False
    places[units] = np.arange(units.size)
    counts, place = [state.candidates.size for state in states], places[indices]
    return _Held(
        units=units,
        counts=counts,
        place=place,
        flat=place + np.repeat(np.arange(len(states)) * units.size, counts),
        values=np.concatenate([state.values for state in states]),
        sides=np.concatenate([state.sides for state in states]),
    )


def _marked(network: Network, units: Indices, some: Indices) -> Mask:
    """Mark which of `units` (k,) are among `some`."""
    network.marks[some] = True
    marked = network.marks[units]
    network.marks[some] = False
    return marked


def _scattered(values: Array, held: _Held, count: int) -> Array:
    """Return an array (b, k) with `values` (m,) where the candidates are, and zeros elsewhere."""
    scattered = np.zeros((count, held.units.size))
    scattered.ravel()[held.flat] = values
    return scattered


def _optimality(
    network: Network, states: list[State], held: _Held, betas: Array
) -> tuple[Array, Array]:
    """Return the largest gradient and the largest violation of each saddle, both (b,)."""
    count, data = len(states), network.data
    if held.units.size == 0:
        return np.zeros(count), np.zeros(count)
    columns, duals = data.features.chosen(held.units), np.array([state.dual for state in states])
    rest = data.y - columns.combined(betas.T).T
    push, clocks = (columns.pull(v.T).T.ravel()[held.flat] / held.sides for v in (rest, duals))
    upper, lower = (bound[held.units][held.place] for bound in (network.upper, network.lower))
    goals = np.where(held.sides > 0, upper, lower) / np.abs(held.sides)
    drift = np.abs(clocks - goals)
    # Relative to |x_i| |ρ| where that is larger: no dual point in float64 could tell more.
    drift /= np.maximum(goals, np.repeat(np.abs(duals).max(axis=1), held.counts))
    used, size = held.values != 0, data.target_norm
    wrong = np.where(used, -held.values * held.sides, push)
    slope = np.where(used, np.abs(push), 0.0)
    stationarity, violation = (
        _scattered(worst, held, count).max(axis=1, initial=0.0)
        for worst in (slope / size, np.maximum(wrong / size, drift))
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
