"""Sign-constrained least squares on a growing and shrinking set of columns.

Minimises |y − Xβ|² over the β that vanish off the candidate columns and have there the sign (or
zero) that is asked for: the active-set method of Lawson and Hanson, "Solving Least Squares
Problems" (1974), chapter 23, started from the last solution, on QR factors that are updated as
columns enter and leave. The normal equations are never formed.

=============  ==============================================================
code name      symbol
=============  ==============================================================
``support``    indices of the columns that carry the fit, in factor order (k,)
``Q``, ``R``   X[:, support] = Q R, shapes (n, k) and (k, k)
``values``     β on the support (k,)
``residual``   r = y − Xβ (n,)
``size``       |r|, to which all tolerances are relative
``signs``      σ, the sign that each candidate may take; 0 off the candidates
=============  ==============================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddles.alternation import Breakdown
from saddles.problems import ZERO, InUnits
from saddles.status import Status
from saddles.typing import Array, Indices, Mask

__all__ = [
    "Fit",
    "descend",
    "minimum_norm",
    "no_fit",
    "nonnegative_least_squares",
    "optimality",
    "solve_factored",
]

#: A residual smaller than this share of the targets has lost digits worth winning back.
CANCELLATION = 0.1

#: Each refinement wins as many digits as the factors have; two are enough for updated ones.
REFINEMENTS = 2


@dataclass(frozen=True, eq=False)
class Fit:
    """A least-squares fit on a set of independent columns; see the module's table."""

    support: Indices
    values: Array
    Q: Array
    R: Array
    residual: Array
    size: float


def no_fit(y: Array) -> Fit:
    """Return the fit that uses no column."""
    n = y.shape[0]
    nothing = np.zeros(0, dtype=np.intp)
    size = float(np.linalg.norm(y))
    return Fit(nothing, np.zeros(0), np.zeros((n, 0)), np.zeros((0, 0)), y, size)


def descend(data: InUnits, signs: Array, fit: Fit) -> Fit:
    """Return the sign-constrained least-squares fit on the columns where `signs` is not 0.

    Parameters
    ----------
    data : InUnits
        The regression.
    signs : ndarray of shape (d,)
        +1, −1 or 0 per column.
    fit : Fit
        A feasible start; its support must lie among the candidates.

    Raises
    ------
    Breakdown
        If rounding keeps the active set from settling.
    """
    candidates = signs.nonzero()[0]
    refused: set[int] = set()
    for _ in range(8 * candidates.size + 8):
        column = _steepest(data, signs, fit, candidates, refused)
        if column is None:
            return fit
        longer = _extended(data, fit, column)
        turned = _turned(data, signs, longer, fit.size)
        if turned[-1]:
            refused.add(column)
        else:
            fit = _retreat(data, signs, fit, longer) if turned.any() else longer
            refused.clear()
    raise Breakdown(Status.STALLED, f"{candidates.size} columns at their boundary")


def _steepest(
    data: InUnits, signs: Array, fit: Fit, candidates: Indices, refused: set[int]
) -> int | None:
    """Return the unused candidate that the residual pushes hardest to its own side, if any."""
    if fit.support.size + len(refused) == candidates.size:
        return None
    unused = np.ones(candidates.size, dtype=bool)
    unused[candidates.searchsorted(fit.support)] = False
    if refused:
        unused[candidates.searchsorted(list(refused))] = False
    waiting = candidates[unused]
    push = signs[waiting] * (fit.residual @ data.X[:, waiting]) / data.norms[waiting]
    best = int(push.argmax())
    return int(waiting[best]) if push[best] > data.resolution(fit.size) else None


def _turned(data: InUnits, signs: Array, fit: Fit, size: float) -> Mask:
    """Mark the columns of a fit (k,) whose coefficient has the wrong sign or is zero beside |r|."""
    sizes = signs[fit.support] * data.norms[fit.support]
    return np.asarray(sizes * fit.values <= data.resolution(size))


def _retreat(data: InUnits, signs: Array, fit: Fit, longer: Fit) -> Fit:
    """Move from `fit` towards `longer`, dropping each column whose sign would turn."""
    held = np.append(fit.values, 0.0)
    while (wrong := _turned(data, signs, longer, fit.size)).any():
        step = float(np.min(held[wrong] / (held - longer.values)[wrong]))
        held = held + step * (longer.values - held)
        size = np.abs(held) * data.norms[longer.support]
        leaving = wrong & (size <= data.resolution(fit.size))
        held = held[~leaving]
        longer = _shortened(data, longer, leaving)
    return longer


def _extended(data: InUnits, fit: Fit, column: int) -> Fit:
    """Return the fit with one more column, at the end of its factors."""
    from scipy.linalg import qr_insert

    k = fit.support.shape[0]
    if k == 0:
        length = float(data.norms[column])
        Q, R = data.X[:, [column]] / length, np.array([[length]])
    else:
        Q, R = qr_insert(fit.Q, fit.R, data.X[:, column], k, which="col", check_finite=False)
    return _solved(data, np.append(fit.support, column), Q, R)


def _shortened(data: InUnits, fit: Fit, leaving: Mask) -> Fit:
    """Return the fit without the columns marked in `leaving`."""
    from scipy.linalg import qr_delete

    Q, R = fit.Q, fit.R
    for position in np.flatnonzero(leaving)[::-1]:
        k = R.shape[1] - 1
        Q, R = qr_delete(Q, R, position, which="col", check_finite=False)
        Q, R = Q[:, :k], R[:k]
    return _solved(data, fit.support[~leaving], Q, R)


def _solved(data: InUnits, support: Indices, Q: Array, R: Array) -> Fit:
    """Return the least-squares fit on `support`, whose columns have the factors Q and R."""
    if support.size == 0:
        return no_fit(data.y)
    values, residual = solve_factored(data.X[:, support], data.y, Q, R)
    return Fit(support, values, Q, R, residual, float(np.linalg.norm(residual)))


def solve_factored(A: Array, y: Array, Q: Array, R: Array) -> tuple[Array, Array]:
    """Solve min |y − Az| given A = QR, with a residual that is right to its own last digits.

    Near the end of a path the residual is many orders of magnitude smaller than the targets, and
    its direction decides all later times. Projecting twice leaves it an error of eps |y|; where
    that is not negligible, the augmented system {r + Az = y, Aᵀr = 0} is refined with residuals in
    extended precision (Björck, "Iterative refinement of linear least squares solutions", 1967).

    Parameters
    ----------
    A : ndarray of shape (n, k)
        Independent columns.
    y : ndarray of shape (n,)
        Targets.
    Q, R : ndarray of shapes (n, k) and (k, k)
        Factors of A, good enough to refine with.

    Returns
    -------
    z, r : ndarray of shapes (k,) and (n,)
        Solution and residual.
    """
    from scipy.linalg import lapack

    along = y @ Q
    r = y - Q @ along
    z = lapack.dtrtrs(R, along)[0]
    pivots = np.abs(R.diagonal())
    if r @ r > CANCELLATION**2 * (y @ y) and pivots.min() > CANCELLATION**2 * pivots.max():
        return z, r - Q @ (r @ Q)
    wide = A.astype(np.longdouble)
    for _ in range(REFINEMENTS):
        f = np.asarray(y - (wide @ z + r), dtype=float)
        h = lapack.dtrtrs(R, np.asarray(-(r @ wide), dtype=float), trans=1)[0]
        along = Q.T @ f
        z = z + lapack.dtrtrs(R, along - h)[0]
        r = r + (f - Q @ (along - h))
    # What is left of an exact interpolation is rounding of the data themselves.
    exact = r @ r <= len(y) * (4 * np.finfo(float).eps) ** 2 * (y @ y)
    return z, np.zeros_like(r) if exact else r


def minimum_norm(data: InUnits, signs: Array, beta: Array, residual: Array) -> tuple[Array, bool]:
    """Return the coefficients of smallest norm that give the same fit, and whether they are unique.

    Only candidate columns orthogonal to the residual can take part. If those outside the support
    are independent of it, the coefficients are unique. Otherwise they form a polytope, and its
    point of least norm is a least-distance problem (Lawson and Hanson 1974, chapter 23, section 4).

    Parameters
    ----------
    data : InUnits
        The regression.
    signs : ndarray of shape (d,)
        Sign of each candidate, 0 elsewhere.
    beta : ndarray of shape (d,)
        A minimiser whose support is independent.
    residual : ndarray of shape (n,)
        y − Xβ.

    Returns
    -------
    beta : ndarray of shape (d,)
        Coefficients.
    unique : bool
        Whether no others give the same fit.
    """
    X, norms, support = data.X, data.norms, beta.nonzero()[0]
    if support.size in (0, np.count_nonzero(signs)):
        return beta, True
    spare = ((signs != 0) & (beta == 0)).nonzero()[0]
    directions = X[:, spare] * (signs[spare] / norms[spare])
    flat = np.abs(directions.T @ residual) <= data.resolution(float(np.linalg.norm(residual)))
    if not flat.any():
        return beta, True
    spare, directions = spare[flat], directions[:, flat]
    Q = np.linalg.qr(X[:, support] / norms[support])[0]
    sharing = _sharing(directions - Q @ (Q.T @ directions))
    if not sharing.any():
        return beta, True
    free = np.concatenate([support, spare[sharing]])
    weight = signs[free] / data.column_unit[free]
    shortest = beta.copy()
    shortest[free] = (
        _least_distance(X[:, free] / weight, norms[free] / np.abs(weight), beta[free] * weight)
        / weight
    )
    return shortest + 0.0, False  # + 0.0 turns −0.0 into 0.0


def optimality(
    data: InUnits, columns: Array, norms: Array, signs: Array, values: Array
) -> tuple[float, float]:
    """Check a sign-constrained minimiser against the data alone.

    Stationarity: x_i·(y − Xβ) = 0 where β_i ≠ 0. Constraints: β_i has the sign asked for, and no
    candidate at zero is pushed to its own side. Both relative to |x_i| |y|.

    Parameters
    ----------
    data : InUnits
        The regression.
    columns : ndarray of shape (n, k)
        The candidates' columns, k > 0.
    norms, signs, values : ndarray of shape (k,)
        Their norms, the signs that they may take, and their coefficients.

    Returns
    -------
    stationarity, violation : float
        The largest of each.
    """
    push = signs * ((data.y - columns @ values) @ columns) / norms
    used = values != 0
    stationarity = np.abs(push[used]).max(initial=0.0)
    wrong_sign = (-signs * values * norms).max()
    violation = max(push[~used].max(initial=0.0), wrong_sign, 0.0)
    return float(stationarity / data.target_norm), float(violation / data.target_norm)


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
    U, spread, Vt = np.linalg.svd(A / sizes)
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
