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
``signs``      σ, the sign that each candidate may take; 0 off the candidates
=============  ==============================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddles.alternation import Breakdown
from saddles.status import Status
from saddles.typing import Array, Indices

__all__ = ["Fit", "descend", "minimum_norm", "no_fit"]

#: A quantity this small, relative to the largest it could be, is a zero that rounding disturbed:
#: two thirds of the digits of a float64 beyond which integer problems never come that close.
ZERO = float(np.finfo(float).eps ** 0.75)


@dataclass(frozen=True, eq=False)
class Fit:
    """A least-squares fit on a set of independent columns; see the module's table."""

    support: Indices
    values: Array
    Q: Array
    R: Array
    residual: Array


def no_fit(y: Array) -> Fit:
    """Return the fit that uses no column."""
    n = y.shape[0]
    return Fit(np.zeros(0, dtype=np.intp), np.zeros(0), np.zeros((n, 0)), np.zeros((0, 0)), y)


def descend(X: Array, y: Array, norms: Array, signs: Array, fit: Fit) -> Fit:
    """Return the sign-constrained least-squares fit on the columns where `signs` is not 0.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Columns.
    y : ndarray of shape (n,)
        Targets.
    norms : ndarray of shape (d,)
        Norms of the columns.
    signs : ndarray of shape (d,)
        +1, −1 or 0 per column.
    fit : Fit
        A feasible start; its support must lie among the candidates.

    Raises
    ------
    Breakdown
        If rounding keeps the active set from settling.
    """
    candidates = np.flatnonzero(signs)
    scale = float(np.linalg.norm(y))
    refused = np.zeros(candidates.shape[0], dtype=bool)
    for _ in range(8 * candidates.shape[0] + 8):
        push = signs[candidates] * (X[:, candidates].T @ fit.residual)
        push[refused | np.isin(candidates, fit.support)] = 0.0
        push /= norms[candidates]
        best = int(np.argmax(push))
        if push[best] <= ZERO * scale:
            return fit
        column = candidates[best]
        longer = _extended(X, y, fit, column)
        if signs[column] * longer.values[-1] * norms[column] <= ZERO * scale:
            refused[best] = True
            continue
        fit = _retreat(X, y, norms, signs, fit, longer)
        refused[:] = False
    raise Breakdown(Status.STALLED, f"{candidates.shape[0]} columns at their boundary")


def _retreat(X: Array, y: Array, norms: Array, signs: Array, fit: Fit, longer: Fit) -> Fit:
    """Move from `fit` towards `longer`, dropping each column whose sign would turn."""
    scale = float(np.linalg.norm(y))
    held = np.append(fit.values, 0.0)
    while True:
        sizes = norms[longer.support]
        wrong = signs[longer.support] * longer.values * sizes <= ZERO * scale
        if not wrong.any():
            return longer
        step = float(np.min(held[wrong] / (held - longer.values)[wrong]))
        held = held + step * (longer.values - held)
        leaving = wrong & (np.abs(held) * sizes <= ZERO * scale)
        held = held[~leaving]
        longer = _shortened(X, y, longer, leaving)


def _extended(X: Array, y: Array, fit: Fit, column: int) -> Fit:
    """Return the fit with one more column, at the end of its factors."""
    from scipy.linalg import qr_insert

    n, k = fit.Q.shape
    if k == 0:
        length = float(np.linalg.norm(X[:, column]))
        Q, R = X[:, [column]] / length, np.array([[length]])
    else:
        Q, R = qr_insert(fit.Q, fit.R, X[:, column], k, which="col", check_finite=False)
    return _solved(X, y, np.append(fit.support, column), Q, R)


def _shortened(X: Array, y: Array, fit: Fit, leaving: Array) -> Fit:
    """Return the fit without the columns marked in `leaving`."""
    from scipy.linalg import qr_delete

    Q, R = fit.Q, fit.R
    for position in np.flatnonzero(leaving)[::-1]:
        k = R.shape[1] - 1
        Q, R = qr_delete(Q, R, position, which="col", check_finite=False)
        Q, R = Q[:, :k], R[:k]
    return _solved(X, y, fit.support[~leaving], Q, R)


def _solved(X: Array, y: Array, support: Indices, Q: Array, R: Array) -> Fit:
    """Solve the least squares on `support`; project twice, refine once, against rounding."""
    from scipy.linalg import solve_triangular

    if support.size == 0:
        return no_fit(y)
    residual = y - Q @ (Q.T @ y)
    residual = residual - Q @ (Q.T @ residual)
    values = solve_triangular(R, Q.T @ y, check_finite=False)
    leftover = y - X[:, support] @ values
    values = values + solve_triangular(R, Q.T @ leftover, check_finite=False)
    return Fit(support, values, Q, R, residual)


def minimum_norm(
    X: Array, norms: Array, units: Array, signs: Array, fit: Fit
) -> tuple[Array, bool]:
    """Return the coefficients of smallest norm that give this fit, and whether they are unique.

    Only candidate columns orthogonal to the residual can take part. If those outside the support
    are independent of it, the coefficients are unique. Otherwise they form a polytope, and its
    point of least norm is a least-distance problem (Lawson and Hanson 1974, chapter 23, section 4).

    Parameters
    ----------
    X, norms, signs, fit
        As in `descend`.
    units : ndarray of shape (d,)
        The norm minimised is that of ``units * beta``.

    Returns
    -------
    beta : ndarray of shape (d,)
        Coefficients.
    unique : bool
        Whether no others give the same fit.
    """
    beta = np.zeros(X.shape[1])
    beta[fit.support] = fit.values
    spare = np.setdiff1d(np.flatnonzero(signs), fit.support)
    if spare.size == 0 or fit.support.size == 0:
        return beta, True
    directions = X[:, spare] * (signs[spare] / norms[spare])
    flat = np.abs(directions.T @ fit.residual) <= ZERO * np.linalg.norm(fit.residual + X @ beta)
    spare, directions = spare[flat], directions[:, flat]
    if not _can_share(directions - fit.Q @ (fit.Q.T @ directions)):
        return beta, True
    free = np.concatenate([fit.support, spare])
    weight = signs[free] * units[free]
    beta[free] = _least_distance(X[:, free] / weight, norms[free] / units[free], beta[free] * weight)
    beta[free] /= weight
    return beta, False


def _can_share(outside: Array) -> bool:
    """Whether a non-negative combination of these columns, not all of them unused, vanishes.

    `outside` (n, m) holds unit columns less their projection on the support: such a combination
    can be added to the coefficients without changing the fit.
    """
    from scipy.optimize import nnls

    if outside.shape[1] == 0 or np.linalg.svd(outside, compute_uv=False)[-1] > ZERO:
        return outside.shape[1] > outside.shape[0]
    _, distance = nnls(np.vstack([outside, np.ones(outside.shape[1])]), _last(outside.shape[0] + 1))
    return bool(distance <= ZERO)


def _least_distance(A: Array, sizes: Array, z: Array) -> Array:
    """Return the shortest z' >= 0 with A z' = A z, for a given z >= 0; `sizes` are A's norms."""
    from scipy.linalg import null_space
    from scipy.optimize import nnls

    null = np.linalg.qr(null_space(A / sizes, rcond=ZERO) / sizes[:, None])[0]
    unit = float(np.abs(z).max())
    base = (z - null @ (null.T @ z)) / unit
    m, q = null.shape
    dual, _ = nnls(np.column_stack([null, -base]).T, _last(q + 1))
    gap = np.append(null.T @ dual, -base @ dual) - _last(q + 1)
    shortest = base - null @ (gap[:q] / gap[q])
    shortest[(dual > 0) | (shortest <= ZERO)] = 0.0
    return np.asarray(shortest * unit)


def _last(size: int) -> Array:
    """Return the last unit vector."""
    unit = np.zeros(size)
    unit[-1] = 1.0
    return unit
