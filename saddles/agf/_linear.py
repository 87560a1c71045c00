"""Alternating gradient flows of the two-layer linear network f(x) = A W x.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), the section on linear networks
and its conjecture; Li, Luo and Lyu (2021, arXiv:2012.09839) for the reduction to a symmetric
matrix. With M = AW, the loss L = ½ E|y − Mx|² and G = ∂L/∂M = MΣxx − Σyx, the stacked weights
Z = [Wᵀ; A] obey Z' = FZ, F = [[0, −Gᵀ], [−G, 0]]: the flow of a symmetric factorisation ZZᵀ whose
eigenvectors are the singular pairs of −G and whose eigenvalues are ± their singular values. A
neuron's utility aᵀ(−G)w is largest along the top pair, so the alternation is that of
`greedy_low_rank`, and so are its clocks:

    ΔT_k = [1 − Σ_{i=0}^{k−2} σ^{(i)}_{k−i} ΔT_{i+1}] / σ^{(k−1)}_1

for directions in general position (σ^{(i)}_j the j-th largest singular value of −G at saddle i).
Cost minimisation is the descent of A and W, not the best fit of rank k, and activation is in the
order of the clocks: for commuting covariances modes go by the singular values of Σyx, not by what
each explains.

===============  ====================================================================
code name        symbol
===============  ====================================================================
``sigma_xx``     Σxx = E[xxᵀ], shape (d, d)
``sigma_yx``     Σyx = E[yxᵀ], shape (c, d)
``Z``            [Wᵀ; A], shape (d + c, r)
``M``            AW, shape (c, d)
``best``         Σyx Σxx⁺, the least-squares solution, shape (c, d)
``floor``        ½ (tr Σyy − tr Σyx Σxx⁺ Σxy), the least loss of a linear map
===============  ====================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._descent import OnFactors
from saddles._greedy_low_rank import DENSE_PATH, Factorisation, steps
from saddles.alternation import solve
from saddles.path import LowRank, Saddle, SaddlePath
from saddles.typing import Array, ArrayLike

__all__ = ["linear"]

SOURCE = "Kunin et al. 2025, arXiv:2506.06489, linear networks, with the clocks of each saddle"

#: Eigenvalues of Σxx, relative to the largest, that are zero but for rounding.
SINGULAR = 1e-12


def linear(
    sigma_xx: ArrayLike,
    sigma_yx: ArrayLike,
    *,
    sigma_yy: ArrayLike | None = None,
    width: int | None = None,
    tol: float = 1e-10,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
) -> SaddlePath:
    """Saddle path of f(x) = A W x under gradient flow of A and W from vanishing initialisation.

    Parameters
    ----------
    sigma_xx : array_like of shape (d, d)
        Σxx = E[xxᵀ]: symmetric, positive semi-definite.
    sigma_yx : array_like of shape (c, d)
        Σyx = E[yxᵀ]; its rows must lie in the range of `sigma_xx`, as those of data do.
    sigma_yy : array_like of shape (c, c), optional
        Σyy = E[yyᵀ], of which only the trace matters: it adds to every loss what no linear map
        explains. By default that is nothing: losses fall to 0.
    width : int, optional
        Number of hidden neurons, at least 1; None for as many as needed.
    tol : float
        Learning ends when no singular value of G exceeds `tol` times its first Frobenius norm.
    max_jumps : int, optional
        Stop after so many jumps; None goes to the end of training.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly raises `PathError` or is returned as far
        as it was right, with its status.
    callback : callable, optional
        Called with each `Saddle`; returning True stops there.

    Returns
    -------
    SaddlePath
        ``betas[k]`` is the map AW (c, d) at saddle k, one dense array (K+1, c, d) for d + c up to
        400 and an array of K+1 `LowRank` above; ``times`` are t / log(1/α) for the loss
        L = ½ E|y − AWx|² and A' = −∂L/∂A, W' = −∂L/∂W. A unit is a neuron, numbered in the order of
        activation. Equal singular values activate together as one jump.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    Examples
    --------
    The mode that explains less (2.0 against 1.5) but correlates more (3 against 2) is first:

    >>> import numpy as np, saddles
    >>> b, s = np.array([2.0, 1.0]), np.array([1.0, 3.0])
    >>> path = saddles.agf.linear(np.diag(s), np.diag(b * s))
    >>> path.times.round(6).tolist(), path.losses.round(6).tolist()
    ([0.0, 0.333333, 0.5], [3.5, 2.0, 0.0])
    """
    loss = _Stacked.of(sigma_xx, sigma_yx, sigma_yy)
    tol = checks.real_number(
        tol, "tol", "it is relative and must lie in (0, 1)", lambda v: 0 < v < 1
    )
    task = Factorisation(
        problem=OnFactors(loss),
        size=loss.size,
        max_rank=checks.count(width, "width", least=1),
        tol=tol,
        symmetry=loss.symmetry,
        show=loss.show,
    )
    algorithm = steps(task, name="AGF of a linear network", source=SOURCE)
    return solve(algorithm, max_jumps=max_jumps, on_failure=on_failure, callback=callback)


@dataclass(frozen=True, eq=False)
class _Stacked:
    """f(ZZᵀ) = 2L of the lower left block M = AW, so that −∇f = F."""

    sigma_xx: Array
    sigma_yx: Array
    best: Array
    floor: float

    @classmethod
    def of(cls, sigma_xx: Any, sigma_yx: Any, sigma_yy: Any) -> _Stacked:
        """Validate the second moments."""
        xx, yx = checks.symmetric(sigma_xx, "sigma_xx"), checks.real_array(sigma_yx, "sigma_yx", 2)
        if yx.shape[1] != xx.shape[0]:
            raise ValueError(
                f"sigma_yx has shape {yx.shape} and sigma_xx has shape {xx.shape}; they must be "
                "(c, d) and (d, d): pass Y.T @ X / n and X.T @ X / n."
            )
        best = _least_squares(xx, yx)
        explained = float(np.sum(best * yx))
        if sigma_yy is None:
            return cls(xx, yx, best, 0.0)
        yy = checks.symmetric(sigma_yy, "sigma_yy")
        if yy.shape[0] != yx.shape[0]:
            raise ValueError(
                f"sigma_yy has shape {yy.shape} and sigma_yx has shape {yx.shape}; they must be "
                "(c, c) and (c, d)."
            )
        total = float(np.trace(yy))
        if total < explained * (1 - checks.SYMMETRY):
            raise ValueError(
                f"sigma_yy has trace {total!r}, less than what x explains of y ({explained!r}); "
                "pass Y.T @ Y / n of the same samples."
            )
        return cls(xx, yx, best, max(total - explained, 0.0) / 2)

    @property
    def size(self) -> int:
        """Return d + c."""
        return int(sum(self.sigma_yx.shape))

    def value(self, P: Array) -> float:
        """Return 2L of the lower left block of P = ZZᵀ."""
        return 2 * self._loss(P[self.sigma_yx.shape[1] :, : self.sigma_yx.shape[1]])

    def _loss(self, M: Array) -> float:
        error = M - self.best
        return self.floor + float(np.sum(error * (error @ self.sigma_xx))) / 2

    def gradient(self, P: Array) -> Array:
        """Return −F, shape (d + c, d + c)."""
        d = self.sigma_yx.shape[1]
        return _blocks(P[d:, :d] @ self.sigma_xx - self.sigma_yx)

    def hessian_product(self, P: Array, D: Array) -> Array:
        """Return the derivative of `gradient` along D, whatever P."""
        d = self.sigma_yx.shape[1]
        return _blocks(D[d:, :d] @ self.sigma_xx)

    def symmetry(self, Z: Array) -> Array:
        """Return the directions (WᵀC, −ACᵀ) along which AW stays: ((d + c) r, r²)."""
        d, r = self.sigma_yx.shape[1], Z.shape[1]
        directions = np.zeros((*Z.shape, r, r))
        for i in range(r):
            for j in range(r):
                directions[:d, j, i, j] += Z[:d, i]
                directions[d:, i, i, j] -= Z[d:, j]
        return directions.reshape(Z.size, r * r)

    def show(self, Z: Array, value: float) -> tuple[Any, float]:
        """Return AW and L."""
        d = self.sigma_yx.shape[1]
        kept = LowRank(Z[d:], Z[:d])
        return (kept.toarray() if self.size <= DENSE_PATH else kept), value / 2


def _blocks(G: Array) -> Array:
    """Return [[0, Gᵀ], [G, 0]]."""
    c, d = G.shape
    return np.block([[np.zeros((d, d)), G.T], [G, np.zeros((c, c))]])


def _least_squares(xx: Array, yx: Array) -> Array:
    """Return Σyx Σxx⁺, or raise if no data can have these moments."""
    values, vectors = np.linalg.eigh(xx)
    largest = float(np.abs(values).max())
    if values[0] < -SINGULAR * largest:
        raise ValueError(
            f"sigma_xx has the eigenvalue {float(values[0])!r}: a covariance is positive "
            "semi-definite; pass X.T @ X / n."
        )
    used = values > SINGULAR * largest
    inside = yx @ vectors
    if np.abs(inside[:, ~used]).max(initial=0.0) > 1e-8 * np.abs(yx).max():
        raise ValueError(
            "sigma_yx is not in the range of sigma_xx: no data have these moments; pass "
            "Y.T @ X / n of the same samples."
        )
    return np.asarray((inside[:, used] / values[used]) @ vectors[:, used].T)
