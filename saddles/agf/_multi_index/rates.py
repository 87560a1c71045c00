"""How fast neurons of one direction move apart: the rates of the splitting clock.

Neurons of degree κ = 2 in one basin come to the same direction b and ring together. Deviations
from b are powers of α, and obey δ' = P ∇²U(b) P δ, with P across b: along an eigenvector the
exponent of α^(−x) grows by the eigenvalue h in scaled time, from −1. For a neuron a σ(w·x) these
are the eigenvalues of sgn(a) P ∇²C P with C(w) = E r σ(w·x), and −c, by which a neuron becomes
balanced; c is the growth of its norm.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``growth``       c = 2U(b)
``rates``        h, falling, (p − 1,)
``modes``        eigenvectors, orthonormal rows across b, (p − 1, p)
===============  ==========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools.record import Record
from saddles.agf._engine.coordinates import DENSE
from saddles.agf._engine.parting import bends, tells
from saddles.homogeneous import Declared
from saddles.typing import Array, ArrayLike

__all__ = ["SplittingRates", "splitting_rates"]

#: A direction rests if its velocity, relative to its rates, is below this.
AT_REST = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SplittingRates(Record):
    """Rates at which deviations from a direction grow; times are t/log(1/α).

    Attributes
    ----------
    growth : float
        c, by which the exponent of a neuron's norm grows; 0 for an active neuron at its saddle.
    rates : ndarray of shape (p - 1,)
        h, by which exponents of deviations grow, falling.
    modes : ndarray of shape (p - 1, p)
        The deviations, one unit vector per row.
    """

    growth: float
    rates: Array
    modes: Array


def splitting_rates(network: Any, active: ArrayLike, direction: ArrayLike) -> SplittingRates:
    """Rates at which neurons leave a common direction, dormant or active.

    Parameters
    ----------
    network : HomogeneousNetwork
        Of degree 2, with second derivatives: a `MultiIndex` with k = 1, or another network that
        offers `hessian`.
    active : array_like of shape (A, p)
        The active neurons; A may be 0.
    direction : array_like of shape (p,)
        A neuron of any norm in a direction b where dormant neurons come to rest, or one of the
        active neurons at a saddle.

    Returns
    -------
    SplittingRates
        c, h and their directions.

    Raises
    ------
    TypeError, ValueError
        For bad input, for a network without what is needed, and for a direction that turns.

    Notes
    -----
    Deviations begin at the size α of neurons, exponent −1. While eigenvectors do not turn, neurons
    part where the sum of the h that act until then, each times its time, reaches 1. Derived; where
    eigenvectors turn from saddle to saddle, `multi_index` hands the exponents on, as conjectured.

    Examples
    --------
    All neurons that learn two ReLU teachers ring at 1/c and part at 1/h, which is π/√2:

    >>> import numpy as np, saddles
    >>> target = saddles.agf.HermiteTarget.teacher([1.0, 1.0], np.eye(2))
    >>> network = saddles.agf.MultiIndex(target)
    >>> found = saddles.agf.splitting_rates(network, np.empty((0, 3)), [2**0.5, 1.0, 1.0])
    >>> round(1 / found.growth, 6), round(1 / float(found.rates[0]), 6)
    (1.323786, 2.221441)
    """
    known = Declared.of(network)
    if not tells(known):
        raise ValueError(
            f"network={checks.show(network)} must be of degree 2 and smooth, offer second "
            f"derivatives and have at most {DENSE} parameters per neuron; for a multi-index target "
            "take an activation of degree 1 and network.reduced(init)."
        )
    rows = checks.numbers(active, "active")
    rows = checks.neurons(rows, "active", known.size) if rows.size else np.empty((0, known.size))
    row = checks.neurons(
        checks.real_array(direction, "direction", 1)[None], "direction", known.size
    )
    row = row / np.abs(row).max()  # so that no square underflows
    unit = row / np.linalg.norm(row)
    across = np.linalg.svd(unit)[2][1:]
    values, vectors = np.linalg.eigh(across @ bends(known, unit, rows)[0] @ across.T)
    pull = known.utility_gradient(unit, rows)[0]
    turning = float(np.linalg.norm(across @ pull))
    if turning > AT_REST * max(float(np.linalg.norm(pull)), float(np.abs(values).max())):
        raise ValueError(
            f"direction turns, with the velocity {turning:.1e}; give one that rests, for instance "
            "of saddles.agf.utility_maximisers or of an active neuron at a saddle."
        )
    order = np.argsort(-values, kind="stable")
    return SplittingRates(
        growth=float(unit[0] @ pull), rates=values[order], modes=vectors.T[order] @ across
    )
