"""Second moments turned into data that have them.

=============  ===========================
code name      symbol
=============  ===========================
``gram``       XᵀX, shape (d, d)
``xty``        Xᵀy, shape (d,)
``yty``        yᵀy
=============  ===========================
"""

from __future__ import annotations

from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.precision import EPS
from saddles.typing import Array

__all__ = ["factor_moments", "precision_of"]

#: Rounding of the entries of a Gram matrix, relative to the largest product of two column norms,
#: in ulp of the numbers as they were given: of sums over some thousand samples.
GRAM_ROUNDING = 64


def precision_of(moment: Any) -> float:
    """Return the spacing at 1 of the numbers in which a moment is given; float64's for integers."""
    if hasattr(moment, "detach") and moment.is_floating_point():
        import torch

        return max(EPS, float(torch.finfo(moment.dtype).eps))
    kind = checks.numbers(moment, "moments").dtype
    return max(EPS, float(np.finfo(kind).eps)) if kind.kind == "f" else EPS


def factor_moments(gram: Array, xty: Array, yty: float, eps: float) -> tuple[Array, Array]:
    """Return data (rank + 1, d) and (rank + 1,) that have the given second moments.

    `eps` is the spacing at 1 of the numbers in which they were given.
    """
    rounding = GRAM_ROUNDING * eps
    unit = _column_units(gram, xty)
    gram, xty = gram / np.outer(unit, unit), xty / unit
    X = _pivoted_factor(gram, rounding)
    rank = X.shape[0] - 1
    y = np.zeros(rank + 1)
    y[:rank] = np.linalg.lstsq(X[:rank].T, xty, rcond=None)[0] if rank else 0.0
    slack = float(np.sqrt(rounding))
    if np.abs(X.T @ y - xty).max() > slack * np.sqrt(max(yty, float(y @ y))):
        raise ValueError(
            "xty is not in the range of gram: no targets have these moments; pass X.T @ y of the "
            "same samples."
        )
    if y @ y > yty * (1 + slack):
        raise ValueError(
            f"yty={yty!r} is smaller than the part of y that X explains ({float(y @ y)!r}); pass "
            "y @ y of the same samples."
        )
    y[rank] = np.sqrt(max(yty - float(y @ y), 0.0))
    return X * unit, y


def _column_units(gram: Array, xty: Array) -> Array:
    """Return a power of two near each column's norm (d,), so that tolerances are scale-free."""
    d = xty.shape[0]
    if gram.shape != (d, d):
        raise ValueError(
            f"gram has shape {gram.shape} and xty has shape {xty.shape}; they must be (d, d) and "
            "(d,)."
        )
    squares = np.diag(gram)
    if (squares < 0).any():
        where = int(np.argmin(squares))
        raise ValueError(
            f"gram[{where}, {where}]={float(squares[where])!r}: a squared norm is never negative; "
            "pass X.T @ X."
        )
    return np.where(squares > 0, np.exp2(np.frexp(np.sqrt(squares))[1]), 1.0)


def _pivoted_factor(gram: Array, rounding: float) -> Array:
    """Return F (rank + 1, d), last row zero, with FᵀF = gram, whose diagonal is of order one."""
    from scipy.linalg import lapack

    d = gram.shape[0]
    asymmetry = float(np.abs(gram - gram.T).max())
    if asymmetry > rounding:
        raise ValueError(
            f"gram is not symmetric (largest difference {asymmetry:g} in units of the columns' "
            "norms); pass X.T @ X, or (gram + gram.T) / 2 if the difference is rounding."
        )
    factor, pivots, rank, _ = lapack.dpstrf(gram, tol=d * rounding)
    if not gram.any():
        rank = 0
    X = np.zeros((rank + 1, d))
    X[:rank, pivots - 1] = np.triu(factor)[:rank]
    if np.abs(X.T @ X - gram).max() > 4 * d * rounding:
        raise ValueError("gram is not positive semi-definite; pass X.T @ X of real data.")
    return X
