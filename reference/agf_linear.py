"""Alternating gradient flows of linear networks as conjectured, line by line.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), Conjecture 4.1, for
f(x) = A W x and L = ½ E|y − AWx|², time in units of log(1/α):

    Σyx Σxx⁻¹ Σyxᵀ = Σ_i μ_i u_i u_iᵀ, μ falling; P_k projects on u_1, ..., u_k
    β_k = P_k Σyx Σxx⁻¹,   loss_k = ½ Σ_{i>k} μ_i
    σ^{(k)} = singular values of (I − P_k) Σyx, falling
    ΔT_k = [1 − Σ_{i=0}^{k−2} σ^{(i)}_{k−i} ΔT_{i+1}] / σ^{(k−1)}_1

It orders modes by what they explain. Where Σxx and ΣyxᵀΣyx commute and the order of the singular
values of Σyx is another one, the flow follows that other one, and this is wrong.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prediction:
    """Times T_k (K+1,), maps β_k (K+1, c, d) and losses (K+1,), k = 0 … K."""

    times: Floats
    betas: Floats
    losses: Floats


def agf_linear(sigma_xx: ArrayLike, sigma_yx: ArrayLike) -> Prediction:
    """Return the conjectured sequence.

    Parameters
    ----------
    sigma_xx
        Σxx (d, d), invertible.
    sigma_yx
        Σyx (c, d), of full rank.
    """
    xx, yx = np.asarray(sigma_xx, dtype=float), np.asarray(sigma_yx, dtype=float)
    best = yx @ np.linalg.inv(xx)
    mu, u = np.linalg.eigh(best @ yx.T)
    mu, u = mu[::-1], u[:, ::-1]
    K = min(yx.shape)
    P = [u[:, :k] @ u[:, :k].T for k in range(K + 1)]
    sigma = [np.linalg.svd(yx - P[k] @ yx, compute_uv=False) for k in range(K + 1)]
    dT: list[float] = []
    for k in range(1, K + 1):
        grown = sum(sigma[i][k - i - 1] * dT[i] for i in range(k - 1))
        dT.append((1 - grown) / sigma[k - 1][0])
    return Prediction(
        times=np.concatenate([[0.0], np.cumsum(dT)]),
        betas=np.array([P[k] @ best for k in range(K + 1)]),
        losses=np.array([mu[k:].sum() / 2 for k in range(K + 1)]),
    )
