"""Derivatives of the velocities of graded coordinates, for steps of implicit methods.

Differences will not do. An increment that suits a log scale of −1000 is noise beside an entry of Q
that is almost 0, and where a step tries a point that is far too large, increments in proportion to
the velocity there have had wrong points accepted.

A variation of the coordinates moves Q, which is frame made orthonormal, by
(I − QQᵀ)X + Q(tril(QᵀX, −1) − tril(QᵀX, −1)ᵀ) with X = d(frame) R⁻¹, and Z = Q diag(eˡ) T O with
it; F follows by its own derivative, and the velocities by the product rule.

==============  ==========================================================
code name       symbol
==============  ==========================================================
``dQ, dl, dT``  variations of Q, l and T, one along the first axis, (n, …)
``dZ, dF``      what they do to Z (n, m, width) and to F (n, m, m)
==============  ==========================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from saddles.typing import Array

__all__: list[str] = []

#: Step of the finite differences of ∇f, relative to the size of W: errors are then about 1e-10.
DIFFERENCE = 1e-5


@dataclass(frozen=True, eq=False)
class Variations:
    """Variations of the coordinates of one part, each of them alone."""

    dQ: Array
    dl: Array
    dT: Array
    scaled: Array
    """What they do to Q diag(eˡ) T, shape (n, m, r)."""

    @classmethod
    def of(cls, straight: Array, triangle: Array, sizes: Array, shape: Array) -> Variations:
        """Vary Q·`triangle` (m, r), l and T (r, r), where `sizes` (r,) are eˡ."""
        m, r = straight.shape
        above = np.triu_indices(r, 1)
        first, n = m * r + r, m * r + r + above[0].size
        dQ, dl, dT = np.zeros((n, m, r)), np.zeros((n, r)), np.zeros((n, r, r))
        X = np.eye(m * r).reshape(-1, m, r) @ np.linalg.inv(triangle)
        A = straight.T @ X
        low = np.tril(A, -1)
        dQ[: m * r] = X + straight @ (low - low.mT - A)
        dl[m * r : first] = np.eye(r)
        dT[np.arange(first, n), above[0], above[1]] = 1.0
        scaled = dQ @ (sizes[:, None] * shape)
        scaled += straight @ (sizes[:, None] * (dl[:, :, None] * shape + dT))
        return cls(dQ, dl, dT, scaled)


def turning(straight: Array, drive: Array, dF: Array, dQ: Array) -> tuple[Array, Array]:
    """Return the derivatives of Q' (n, m, r) and of B = QᵀFQ (n, r, r)."""
    image = drive @ straight
    rates = straight.T @ image
    low = np.tril(rates, -1)
    dimage = dF @ straight + drive @ dQ
    dB = dQ.mT @ image + straight.T @ dimage
    dlow = np.tril(dB, -1)
    dturn = dimage + dQ @ (low - low.T - rates) + straight @ (dlow - dlow.mT - dB)
    return dturn, dB


def shearing(rates: Array, ratios: Array, shape: Array, dB: Array, own: Variations | None) -> Array:
    """Return the derivative of T' = S T, S = 2 triu(B, 1) times `ratios` e^{l_k − l_i}."""
    dshear = 2 * np.triu(dB, 1) * ratios @ shape
    if own is None:
        return np.asarray(dshear)
    shear = 2 * np.triu(rates, 1) * ratios
    moved = shear * (own.dl[:, None, :] - own.dl[:, :, None])
    return np.asarray(dshear + moved @ shape + shear @ own.dT)


def second_derivative(loss: Any) -> Callable[[Array], Array]:
    """Return W -> the derivative of −∇f at W along every symmetric E_ij, shape (p, d, d).

    That is along E_ij + E_ji for i < j and E_ii for i = j, in the order of ``triu_indices``.
    """
    size = int(loss.size)
    rows, cols = np.triu_indices(size)
    sides = np.zeros((rows.size, size, size))
    sides[np.arange(rows.size), rows, cols] = sides[np.arange(rows.size), cols, rows] = 1.0
    if hasattr(loss, "hessian_product"):
        return partial(_by_products, loss, sides)
    return partial(_by_differences, loss, sides, _reach(loss, size))


def _by_products(loss: Any, sides: Array, W: Array) -> Array:
    return -np.array([loss.hessian_product(W, side) for side in sides], dtype=float)


def _by_differences(loss: Any, sides: Array, reach: float, W: Array) -> Array:
    step = DIFFERENCE * max(reach, float(np.linalg.norm(W)))
    ahead, behind = (
        np.array([loss.gradient(W + s * side) for side in sides], dtype=float)
        for s in (step, -step)
    )
    return np.asarray((behind - ahead) / (2 * step))


def bent(second: Array, factor: Array, dZ: Array) -> Array:
    """Return what variations of Z (n, d, width) do to −∇f(ZZᵀ), given its `second_derivative`."""
    half = dZ @ factor.T
    rows, cols = np.triu_indices(factor.shape[0])
    along = half[:, rows, cols] + half[:, cols, rows]
    return np.asarray(np.tensordot(along, second, axes=1))


def _reach(loss: Any, size: int) -> float:
    """Return the size of W at which ∇f differs from ∇f(0) by as much as it is large."""
    slope, along = np.asarray(loss.gradient(np.zeros((size, size))), dtype=float), np.eye(size)
    reach = 1.0
    for share in (1e-4, 1e-3):  # the first guess knows no scale
        bend = np.asarray(loss.gradient(share * reach * along), dtype=float) - slope
        change = float(np.linalg.norm(bend))
        reach = share * reach * float(np.linalg.norm(slope)) / change if change else reach
    return reach or 1.0
