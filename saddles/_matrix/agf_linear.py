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
``moments``      Σxx = E[xxᵀ], (d, d), Σyx = E[yxᵀ], (c, d), and Σyx Σxx⁺
``Z``            [Wᵀ; A], shape (d + c, r)
``floor``        ½ (tr Σyy − tr Σyx Σxx⁺ Σxy), the least loss of a linear map
===============  ====================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._matrix.descent import OnFactors
from saddles._matrix.greedy_low_rank import DENSE_PATH, Factorisation, steps
from saddles._matrix.moments import Moments, least_loss, stacked
from saddles._result.path import Saddle, SaddlePath
from saddles._result.points import LowRank
from saddles.alternation import solve
from saddles.typing import Array, ArrayLike

__all__ = ["linear"]

SOURCE = "Kunin et al. 2025, arXiv:2506.06489, linear networks, with the clocks of each saddle"


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

    moments: Moments
    floor: float

    @classmethod
    def of(cls, sigma_xx: Any, sigma_yx: Any, sigma_yy: Any) -> _Stacked:
        """Validate the second moments."""
        moments = Moments.of(sigma_xx, sigma_yx)
        return cls(moments, least_loss(moments, sigma_yy))

    @property
    def size(self) -> int:
        """Return d + c."""
        return int(sum(self.moments.yx.shape))

    def value(self, P: Array) -> float:
        """Return 2L of the lower left block of P = ZZᵀ."""
        d = self.moments.yx.shape[1]
        return 2 * (self.floor + self.moments.excess(P[d:, :d]))

    def gradient(self, P: Array) -> Array:
        """Return −F, shape (d + c, d + c)."""
        d = self.moments.yx.shape[1]
        return stacked(self.moments.slope(P[d:, :d]))

    def hessian_product(self, P: Array, D: Array) -> Array:
        """Return the derivative of `gradient` along D, whatever P."""
        d = self.moments.yx.shape[1]
        return stacked(D[d:, :d] @ self.moments.xx)

    def symmetry(self, Z: Array) -> Array:
        """Return the directions (WᵀC, −ACᵀ) along which AW stays: ((d + c) r, r²)."""
        d, r = self.moments.yx.shape[1], Z.shape[1]
        directions = np.zeros((*Z.shape, r, r))
        for i in range(r):
            for j in range(r):
                directions[:d, j, i, j] += Z[:d, i]
                directions[d:, i, i, j] -= Z[d:, j]
        return directions.reshape(Z.size, r * r)

    def show(self, Z: Array, value: float) -> tuple[Any, float]:
        """Return AW and L."""
        d = self.moments.yx.shape[1]
        kept = LowRank(Z[d:], Z[:d])
        return (kept.toarray() if self.size <= DENSE_PATH else kept), value / 2
