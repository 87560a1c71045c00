"""The largest utility of a neuron of composition, and the earliest time at which one activates.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), Theorem 6.2, have the cyclic
group with k = 2 and a template of mean zero. For any group the same argument gives, for a unit
neuron of the irrep ρ,

    U* = k! σ^(k+1) / ((k+1)^((k+1)/2) n^((k+1)/2) d_R^((k−1)/2)),

σ the largest singular value of x̂(ρ): traces of products of matrices are at most products of
Frobenius norms and operator norms. Beside a mean, and for k = 2, the best output w is partly
constant.

==================  ============================================================
code name           symbol
==================  ============================================================
``sigma``           σ, largest singular values of x̂(ρ), the trivial irrep first
``real_dims``       d_R
``order``           n
``inputs``          k
==================  ============================================================
"""

from __future__ import annotations

import math

import numpy as np

from saddles import checks
from saddles.typing import Array

__all__ = ["earliest", "largest_utilities"]


def largest_utilities(sigma: Array, real_dims: Array, order: int, inputs: int) -> Array:
    """Return U* of each irrep (m,), while nothing is learnt; those after the first may be mixed.

    Raises
    ------
    ValueError
        For more than two inputs beside a mean, where no closed form is known: the mean then
        multiplies E(ΣU_a)^k, with moments as E U³ that irreps do not share.
    """
    k = inputs
    mean = float(sigma[0])
    if k == 2:
        bounds = 2 * sigma**2 * np.hypot(mean, sigma / np.sqrt(real_dims))
        bounds[0] = 4 * mean**3
        return np.asarray(bounds / math.sqrt(27 * order**3))
    if mean:
        raise ValueError(
            f"k={k!r}: largest utilities beside a mean are known for k = 2 only: with more inputs "
            "they depend on third and higher moments; subtract the mean of the template."
        )
    shared = math.factorial(k) * ((k + 1) * order) ** (-(k + 1) / 2)
    return np.asarray(shared * sigma ** (k + 1) * real_dims ** (-(k - 1) / 2))


def earliest(utilities: Array, log_alpha: float, norm: float, inputs: int) -> Array:
    """Return the earliest scaled time t α^(k−1) at which neurons of these utilities activate (m,).

    A neuron grows like d|θ|/dt ≤ (k+1) U* |θ|^k, from α · `norm` to 1.
    """
    scale = checks.log_scale(log_alpha, allow_limit=True)
    rule = "initial norms over α are positive and finite"
    size = checks.real_number(norm, "norm", rule, lambda v: 0 < v < math.inf)
    k = inputs
    with np.errstate(divide="ignore"):
        return np.asarray((size ** (1 - k) - math.exp((k - 1) * scale)) / ((k * k - 1) * utilities))
