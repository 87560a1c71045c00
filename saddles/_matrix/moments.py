"""Second moments of data: the checks that linear networks share, and the best linear map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.precision import SINGULAR
from saddles.typing import Array

__all__ = ["Moments", "least_loss", "stacked"]

#: Part of Σyx outside of the range of Σxx, relative to its largest entry, that rounding explains.
OUT_OF_RANGE = 1e-8

#: Entries of the moments between which products of three of them fit a float64.
SMALLEST, LARGEST = 1e-90, 1e90


@dataclass(frozen=True, eq=False)
class Moments:
    """Σxx and Σyx of some data, and the least-squares solution.

    Attributes
    ----------
    xx : ndarray of shape (d, d)
        Σxx = E[xxᵀ].
    yx : ndarray of shape (c, d)
        Σyx = E[yxᵀ].
    values, vectors : ndarray of shape (d,) and (d, d)
        Eigenvalues of Σxx, rising, with rounding of 0 set to 0, and eigenvectors.
    best : ndarray of shape (c, d)
        Σyx Σxx⁺.
    """

    xx: Array
    yx: Array
    values: Array
    vectors: Array
    best: Array

    @classmethod
    def of(cls, sigma_xx: Any, sigma_yx: Any) -> Moments:
        """Validate what the user gave."""
        xx, yx = checks.symmetric(sigma_xx, "sigma_xx"), checks.real_array(sigma_yx, "sigma_yx", 2)
        if yx.shape[1] != xx.shape[0]:
            raise ValueError(
                f"sigma_yx has shape {yx.shape} and sigma_xx has shape {xx.shape}; they must be "
                "(c, d) and (d, d): pass Y.T @ X / n and X.T @ X / n."
            )
        values, vectors = _spectrum(xx)
        return cls(xx, yx, values, vectors, _least_squares(values, vectors, yx))

    @property
    def explained(self) -> float:
        """Return tr Σyx Σxx⁺ Σxy, what the best linear map explains of E|y|²."""
        return float(np.sum(self.best * self.yx))

    def refuse_extreme(self) -> None:
        """Raise if products of three entries of the moments, or of the best map, leave float64."""
        best = "sigma_yx @ pinv(sigma_xx)"
        for name, matrix in (("sigma_xx", self.xx), ("sigma_yx", self.yx), (best, self.best)):
            largest = float(np.abs(matrix).max(initial=0.0))
            if largest and not SMALLEST <= largest <= LARGEST:
                raise ValueError(
                    f"max(abs({name}))={largest!r} must lie between {SMALLEST:g} and {LARGEST:g}, "
                    "or losses do not fit a float64; multiply the targets by a constant, or the "
                    "inputs."
                )

    def slope(self, M: Array) -> Array:
        """Return G = MΣxx − Σyx, the derivative of ½ E|y − Mx|², shape (c, d)."""
        return np.asarray(M @ self.xx - self.yx)

    def excess(self, M: Array) -> float:
        """Return ½ E|y − Mx|² less that of the best linear map, for M of shape (c, d)."""
        error = M - self.best
        return float(np.sum(error * (error @ self.xx))) / 2


def least_loss(moments: Moments, sigma_yy: Any) -> float:
    """Return ½ (tr Σyy − tr Σyx Σxx⁺ Σxy), 0 without Σyy, or raise if no data can have these."""
    if sigma_yy is None:
        return 0.0
    yy, c = checks.symmetric(sigma_yy, "sigma_yy"), moments.yx.shape[0]
    if yy.shape[0] != c:
        raise ValueError(
            f"sigma_yy has shape {yy.shape} and sigma_yx has shape {moments.yx.shape}; they must "
            "be (c, c) and (c, d)."
        )
    total = float(np.trace(yy))
    if total < moments.explained * (1 - checks.SYMMETRY):
        raise ValueError(
            f"sigma_yy has trace {total!r}, less than what x explains of y "
            f"({moments.explained!r}); pass Y.T @ Y / n of the same samples."
        )
    return max(total - moments.explained, 0.0) / 2


def stacked(G: Array) -> Array:
    """Return [[0, Gᵀ], [G, 0]] of shape (d + c, d + c), for G of shape (c, d)."""
    c, d = G.shape
    return np.block([[np.zeros((d, d)), G.T], [G, np.zeros((c, c))]])


def _spectrum(xx: Array) -> tuple[Array, Array]:
    """Return eigenvalues and eigenvectors of Σxx, or raise if it is no covariance."""
    diagonal = np.diag(xx)
    if np.count_nonzero(xx) == np.count_nonzero(diagonal):
        # Exact, and a large white Σxx would cost as much as any other.
        order = np.argsort(diagonal, kind="stable")
        values, vectors = diagonal[order], np.eye(diagonal.size)[:, order]
    else:
        values, vectors = np.linalg.eigh(xx)
    largest = float(np.abs(values).max())
    if values[0] < -SINGULAR * largest:
        raise ValueError(
            f"sigma_xx has the eigenvalue {float(values[0])!r}: a covariance is positive "
            "semi-definite; pass X.T @ X / n."
        )
    return np.where(values > SINGULAR * largest, values, 0.0), vectors


def _least_squares(values: Array, vectors: Array, yx: Array) -> Array:
    """Return Σyx Σxx⁺, or raise if no data can have these moments."""
    used = values > 0
    inside = yx @ vectors
    if np.abs(inside[:, ~used]).max(initial=0.0) > OUT_OF_RANGE * np.abs(yx).max():
        raise ValueError(
            "sigma_yx is not in the range of sigma_xx: no data have these moments; pass "
            "Y.T @ X / n of the same samples."
        )
    return np.asarray((inside[:, used] / values[used]) @ vectors[:, used].T)
