"""Sign-constrained least squares on a growing and shrinking set of columns.

Minimises |y − Xβ|² over the β that vanish off the candidate columns and have there the sign (or
zero) that is asked for: the active-set method of Lawson and Hanson, "Solving Least Squares
Problems" (1974), chapter 23, started from the last solution, on an orthonormal basis that is
updated as columns enter and leave. The normal equations are never formed.

==============  ==============================================================
code name       symbol
==============  ==============================================================
``factors``     A = X[:, support], its basis Q = A T, and the sides σ
``values``      β on the support (k,)
``residual``    r = y − Xβ (n,)
``size``        |r|, to which all tolerances are relative
``noise``       what rounding may leave of x·r, for unit x
``spare``       indices of the candidates that do not take part (m,)
``weights``     σ|x|, the side that each may take, times its norm
==============  ==============================================================
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from saddles._diagonal.column_basis import FIRM, Factors
from saddles._diagonal.refined_least_squares import (
    CANCELLATION,
    INTERPOLATED,
    least_squares,
)
from saddles._numerics.precision import ZERO
from saddles._numerics.watch import tick
from saddles._problems.in_units import InUnits
from saddles.status import Breakdown, Status
from saddles.typing import Array, Indices, Mask

__all__ = [
    "Fit",
    "descend",
    "extended",
    "minimum_norm",
    "no_fit",
    "nonnegative_least_squares",
    "shortened",
]

#: Rounding gathers in proportion to the changes since the fit was last solved from the targets.
CHANGES = 256

#: So few columns are read one by one.
FEW = 4

#: A basis is replaced if it has let the residual stray by this share of its largest size.
STRAY = 1e-13


class Fit(NamedTuple):
    """A least-squares fit on independent columns; see the module's table.

    Its factors are handed on: a fit is used up by the one that follows it. `largest` is the largest
    size of the residual since the fit was last solved from the targets, `changes` ago. To `exact`
    times eps the residual is right.
    """

    factors: Factors
    values: Array
    residual: Array
    size: float
    noise: float
    largest: float
    changes: int
    exact: float


def no_fit(data: InUnits) -> Fit:
    """Return the fit that uses no column."""
    factors, size = Factors(data.y.shape[0]), _length(data.y)
    return Fit(factors, np.zeros(0), data.y, size, data.resolution(size), size, 0, size)


def descend(
    data: InUnits,
    fit: Fit,
    spare: Indices,
    weights: Array,
    push: Array | None = None,
    order: tuple[int, float] = (-1, 0.0),
) -> tuple[Fit, Indices, Array, Array]:
    """Return the sign-constrained least-squares fit on the candidate columns.

    Parameters
    ----------
    data : InUnits
        The regression.
    fit : Fit
        A feasible start.
    spare : ndarray of int, shape (m,)
        Candidates that it does not use.
    weights : ndarray of shape (m,)
        Side of each, +1 or −1, times its norm.
    push : ndarray of shape (m,), optional
        x·r over the weight of each, if it is known.
    order : tuple of int and float
        The column that joins first, and the least push with which the others join at once; one
        that is pushed by less, yet pushed, might join much later.

    Returns
    -------
    fit, spare, weights
        The same for the minimiser.
    push : ndarray of shape (m,)
        x·r over the weight of each candidate that it does not use: at most rounding, except for
        those that a step back keeps out.

    Raises
    ------
    Breakdown
        If rounding keeps the active set from settling, or hides which of the columns join.
    """
    refused: list[int] = []
    leader, least = order
    late = set(spare.tolist()) - {leader} if spare.size > 1 else set()
    for _ in range(8 * (spare.size + fit.factors.size) + 8):
        tick()
        if spare.size == 0:
            break
        if push is None:
            push = _pushes(data, fit, spare, weights)
        best = int((_left_out(push, refused) if refused else push).argmax())
        if leader >= 0 and late:
            best, leader = int((spare == leader).argmax()), -1
        if push[best] <= fit.noise or len(refused) == spare.size:
            break
        column, weight = int(spare[best]), float(weights[best])
        if column in late and push[best] < least:
            raise Breakdown(Status.INACCURATE, f"rounding hides whether feature {column} joins")
        longer = extended(data, fit, column, data.features.column(column), weight)
        gone: list[tuple[int, float]] = []
        turned = _turned(longer, fit.noise)
        if turned is not None and turned[-1]:
            fit.factors.pop()
            refused.append(best)
            push = None
            continue
        if turned is not None:
            longer, gone = _retreat(data, fit, longer, turned)
        fit, refused, push = longer, [], None
        spare, weights = _exchanged(spare, weights, best, gone)
    else:
        raise Breakdown(Status.STALLED, f"{spare.size} spare columns at their boundary")
    return fit, spare, weights, weights if push is None else push


def _pushes(data: InUnits, fit: Fit, spare: Indices, weights: Array) -> Array:
    """Return x·r over the weight of each spare candidate (m,)."""
    if spare.size > FEW:
        return np.asarray((fit.residual @ data.columns(spare)) / weights)
    column = data.features.column
    return np.array([column(index).dot(fit.residual) for index in spare.tolist()]) / weights


def _left_out(push: Array, refused: list[int]) -> Array:
    """Return `push`, lowest for those that were refused."""
    push = push.copy()
    push[refused] = -math.inf
    return push


def _exchanged(
    spare: Indices, weights: Array, joined: int, gone: list[tuple[int, float]]
) -> tuple[Indices, Array]:
    """Return the spare columns without the one at `joined`, and with those that are `gone`."""
    if spare.size == 1 and not gone:
        return spare[:0], weights[:0]
    indices, kept = spare.tolist(), weights.tolist()
    del indices[joined], kept[joined]
    indices += [index for index, _ in gone]
    kept += [weight for _, weight in gone]
    return np.array(indices, dtype=np.intp), np.array(kept)


def _turned(fit: Fit, noise: float) -> Mask | None:
    """Mark the columns of a fit (k,) whose coefficient has the wrong sign or is rounding.

    None if there are none.
    """
    inwards = fit.factors.weights * fit.values
    if not inwards.size or inwards[inwards.argmin()] > noise:
        return None
    return np.asarray(inwards <= noise)


def _retreat(
    data: InUnits, fit: Fit, longer: Fit, wrong: Mask | None
) -> tuple[Fit, list[tuple[int, float]]]:
    """Move from `fit` towards `longer`, dropping each column whose sign would turn.

    Returns
    -------
    fit : Fit
        Where that leads.
    gone : list
        Index and weight of each column dropped.
    """
    gone: list[tuple[int, float]] = []
    held, factors = np.zeros_like(longer.values), longer.factors
    held[:-1] = fit.values
    while wrong is not None:
        places, ahead = wrong.nonzero()[0], longer.values - held
        steps = held[places] / -ahead[places]
        held = held + steps[steps.argmin()] * ahead
        leaving = places[np.abs(held * factors.weights)[places] <= fit.noise]
        for position in leaving[::-1].tolist():
            held[position] = held[-1]
            held = held[:-1]
            gone.append((int(factors.support[position]), float(factors.weights[position])))
            longer = shortened(data, longer, position)
            factors = longer.factors
        wrong = _turned(longer, fit.noise)
    return longer, gone


def extended(data: InUnits, fit: Fit, column: int, x: Array, weight: float) -> Fit:
    """Return the fit with one more column, last in its factors."""
    n, new = fit.factors.n, fit.factors.push(column, x, weight)
    step = new * new[:n].dot(fit.residual)
    values = step[n:]
    values[:-1] += fit.values
    return _settled(data, fit, values, fit.residual - step[:n])


def shortened(data: InUnits, fit: Fit, position: int) -> Fit:
    """Return the fit without the column at `position`, whose place the last one takes."""
    n = fit.factors.n
    gone = fit.factors.drop(position)
    if fit.factors.size == 0:
        return no_fit(data)
    gone *= fit.values[position] / gone[n + position]
    values = fit.values - gone[n : n + fit.values.size]
    values[position] = values[-1]
    return _settled(data, fit, values[:-1], fit.residual + gone[:n])


def _settled(data: InUnits, before: Fit, values: Array, residual: Array) -> Fit:
    """Return the fit that was updated, or solved from the targets where updates lose digits.

    Near the end of a path the residual is many orders of magnitude smaller than the targets, and
    its direction decides all later times. An update leaves it an error of eps times its last size.
    """
    factors, size, changes = before.factors, _length(residual), before.changes + 1
    loose = factors.loose and factors.firmness() < FIRM
    factors.loose = loose
    largest = max(before.largest, size)
    least = max(CANCELLATION * largest, INTERPOLATED * math.sqrt(factors.n) * data.target_norm)
    if size > least and changes < CHANGES and not loose:
        exact = max(before.exact, size)
        return Fit(factors, values, residual, size, data.resolution(size), largest, changes, exact)
    A, y, careful = factors.columns, data.y, size <= CANCELLATION * data.target_norm or loose
    values, right = least_squares(A, y, factors.stack, careful)
    if _length(right - residual) > STRAY * largest:
        factors.renew()
        values, right = least_squares(A, y, factors.stack, careful)
    size = _length(right)
    exact = size if careful else data.target_norm
    return Fit(factors, values, right, size, data.resolution(size), size, 0, exact)


def _length(vector: Array) -> float:
    return math.sqrt(vector.dot(vector))  # less of a call than @


def minimum_norm(
    data: InUnits, candidates: Indices, sides: Array, values: Array, residual: Array
) -> tuple[Array, bool]:
    """Return the coefficients of smallest norm that give the same fit, and whether they are unique.

    Only candidate columns orthogonal to the residual can take part. If those outside the support
    are independent of it, the coefficients are unique. Otherwise they form a polytope, and its
    point of least norm is a least-distance problem (Lawson and Hanson 1974, chapter 23, section 4).

    Parameters
    ----------
    data : InUnits
        The regression.
    candidates : ndarray of int, shape (m,)
        Columns that may take part.
    sides, values : ndarray of shape (m,)
        Their signs, and a minimiser's coefficients, whose support is independent.
    residual : ndarray of shape (n,)
        y − Xβ.

    Returns
    -------
    values : ndarray of shape (m,)
        Coefficients.
    unique : bool
        Whether no others give the same fit.
    """
    used = values != 0
    if np.count_nonzero(used) in (0, used.size):
        return values, True
    spare = (~used).nonzero()[0]
    norms = data.norms[candidates]
    directions = data.columns(candidates[spare]) * (sides[spare] / norms[spare])
    flat = np.abs(directions.T @ residual) <= data.resolution(_length(residual))
    if not flat.any():
        return values, True
    spare, directions = spare[flat], directions[:, flat]
    Q = np.linalg.qr(data.columns(candidates[used]) / norms[used])[0]
    sharing = _sharing(directions - Q @ (Q.T @ directions))
    if not sharing.any():
        return values, True
    free = np.concatenate([used.nonzero()[0], spare[sharing]])
    weight = sides[free] / data.column_unit[candidates[free]]
    columns, sizes = data.columns(candidates[free]) / weight, norms[free] / np.abs(weight)
    shortest = values.copy()
    shortest[free] = _least_distance(columns, sizes, values[free] * weight) / weight
    return shortest + 0.0, False  # + 0.0 turns −0.0 into 0.0


def _sharing(outside: Array) -> Mask:
    """Mark the columns that take part in a non-negative combination that vanishes (m,).

    `outside` (n, m) holds unit columns less their projection on the support: such a combination
    can be added to the coefficients without changing the fit. Columns that take part in none are
    zero in every minimiser.
    """
    m = outside.shape[1]
    sharing = np.zeros(m, dtype=bool)
    if m <= outside.shape[0] and np.linalg.svd(outside, compute_uv=False)[-1] > ZERO:
        return sharing
    for column in range(m):
        others = np.delete(np.arange(m), column)
        if sharing[column]:
            continue
        shares, distance = np.zeros(0), float(np.linalg.norm(outside[:, column]))
        if others.size:
            shares, distance = nonnegative_least_squares(outside[:, others], -outside[:, column])
        if distance <= ZERO:
            sharing[column] = True
            sharing[others[shares > ZERO]] = True
    return sharing


def _least_distance(A: Array, sizes: Array, z: Array) -> Array:
    """Return the shortest z' >= 0 with A z' = A z, for a given z >= 0; `sizes` are A's norms.

    Some such z' must be positive throughout, or rounding may make the constraints contradict.
    """
    # All of V is needed, and of U as much as the rank.
    U, spread, Vt = np.linalg.svd(A / sizes, full_matrices=A.shape[0] < A.shape[1])
    rank = int((spread > ZERO).sum())
    null = Vt[rank:].T
    moving = np.linalg.norm(null, axis=1) > ZERO
    compressed = U[:, :rank].T @ A[:, moving]
    base = _shortest(compressed, compressed @ z[moving])
    unit = float(np.abs(base).max(initial=0.0))
    if unit == 0:
        return z
    null = np.linalg.qr(null[moving] / sizes[moving, None])[0]
    q = null.shape[1]
    dual, _ = nonnegative_least_squares(np.column_stack([null, -base / unit]).T, _last(q + 1))
    gap = np.append(null.T @ dual, -base @ dual / unit) - _last(q + 1)
    shortest = base / unit - null @ (gap[:q] / gap[q])
    shortest[(dual > 0) | (shortest <= ZERO)] = 0.0
    result = z.copy()
    result[moving] = shortest * unit
    return _mended(A, sizes, z, result)


def _mended(A: Array, sizes: Array, z: Array, result: Array) -> Array:
    """Return `result`, whose fit A z' misses A z by rounding, with that fit.

    A long column makes much of the rounding of its coefficient; coefficients that were rounding
    altogether turn negative here and go.
    """
    while (used := result.nonzero()[0]).size:
        miss = A @ (z - result)
        mend = np.linalg.lstsq(A[:, used] / sizes[used], miss, rcond=ZERO)[0] / sizes[used]
        turned = result[used] + mend < 0
        result[used] = np.where(turned, 0.0, result[used] + mend)
        if not turned.any():
            break
    return result


def _shortest(A: Array, b: Array) -> Array:
    """Return the shortest w with A w = b, for b in the range of A (r, m)."""
    Q, R = np.linalg.qr(A.T)
    return np.asarray(Q @ np.linalg.lstsq(R.T, b, rcond=None)[0])


def nonnegative_least_squares(A: Array, b: Array) -> tuple[Array, float]:
    """Return scipy's minimiser z >= 0 of |Az − b| and the minimum, or end the path."""
    from scipy.optimize import nnls

    try:
        z, distance = nnls(A, b)
    except RuntimeError as error:
        raise Breakdown(Status.STALLED, str(error)) from error
    return z, float(distance)


def _last(size: int) -> Array:
    """Return the last unit vector."""
    unit = np.zeros(size)
    unit[-1] = 1.0
    return unit
