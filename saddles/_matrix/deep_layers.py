"""Layers of a deep linear network W = W_L…W_1: their product, their flow, and the user's own.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``layers``       W_1, …, W_L, from the input on; W_j has shape (n_j, n_{j−1})
``pull``         G = −∇f(W), shape (n_L, n_0)
``slopes``       W_j' = (W_L…W_{j+1})ᵀ G (W_{j−1}…W_1)ᵀ
===============  ==========================================================================

Whatever takes layers takes many networks at once: of shape (..., n_j, n_{j−1}).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.precision import ULPS
from saddles.typing import Array

__all__ = [
    "checked_layers",
    "flat",
    "framed",
    "living",
    "mirror_kept",
    "mirror_of",
    "mirrored",
    "orthogonal",
    "product",
    "slopes",
    "unflat",
]

Layers = Sequence[Array]

#: Powers of the weights, and of α over them, may be this large: products with data are within
#: float64 still.
LARGEST = 1e90


def product(layers: Layers) -> Array:
    """Return W_L…W_1."""
    return np.asarray(reduce(lambda below, layer: layer @ below, layers))


def slopes(layers: Layers, pull: Array) -> list[Array]:
    """Return the velocity of each layer under θ' = −∇f, given G = −∇f(W)."""
    above = list(accumulate(layers[:0:-1], lambda high, low: high @ low))[::-1]
    below = list(accumulate(layers[:-1], lambda low, high: high @ low))
    found = [high.mT @ pull for high in above] + [pull]
    return [found[0], *(part @ low.mT for part, low in zip(found[1:], below, strict=True))]


def flat(layers: Layers) -> Array:
    """Return all weights of each network in one row, shape (..., p)."""
    return np.concatenate([layer.reshape(*layer.shape[:-2], -1) for layer in layers], axis=-1)


def unflat(weights: Array, like: Layers) -> list[Array]:
    """Return layers of the shapes of `like` from all weights of each network in one row."""
    found, begin = [], 0
    for layer in like:
        part = weights[..., begin : begin + layer.size]
        found.append(part.reshape(*weights.shape[:-1], *layer.shape))
        begin += layer.size
    return found


def mirror_of(layers: Layers) -> Array | None:
    """Return the signs s_j (L,) with W_{L+1−j} = s_j W_jᵀ, up to rounding, or None.

    Where G is symmetric with W, layers stay so, and W symmetric. (A layer in the middle that is
    antisymmetric makes W antisymmetric.)
    """
    pairs = list(zip(layers, layers[::-1], strict=True))
    signs = [1.0 if _same(low, high.T) else -1.0 for low, high in pairs]
    kept = all(_same(s * low, high.T) for s, (low, high) in zip(signs, pairs, strict=True))
    odd = len(layers) % 2 == 1 and signs[len(layers) // 2] < 0
    return np.array(signs) if kept and not odd else None


def mirror_kept(layers: Layers, xx: Array, yx: Array) -> Array | None:
    """Return the signs of `mirror_of` if G = Σyx − W Σxx stays symmetric with W, or None.

    It does for white inputs and a symmetric Σyx; if the two commute, from multiples of 1.
    """
    if not _same(yx, yx.T):
        return None
    scalar = _scalar(xx) or (all(map(_scalar, layers)) and _same(xx @ yx, (xx @ yx).T))
    return mirror_of(layers) if scalar else None


def _scalar(A: Array) -> bool:
    """Whether a matrix is a multiple of 1."""
    return _same(A, A[0, 0] * np.eye(len(A)))


def _same(A: Array, B: Array) -> bool:
    """Whether matrices are equal, up to rounding."""
    return A.shape == B.shape and bool(np.abs(A - B).max() <= ULPS * np.abs(A).max())


def mirrored(layers: Layers, signs: Array) -> list[Array]:
    """Return the nearest layers with W_{L+1−j} = s_j W_jᵀ."""
    return [
        (low + s * high.mT) / 2 for low, high, s in zip(layers, layers[::-1], signs, strict=True)
    ]


def orthogonal(vectors: Array) -> Array:
    """Return orthonormal columns (n, n − r) beside the range of `vectors` (n, r)."""
    return np.asarray(np.linalg.qr(vectors, mode="complete")[0][:, vectors.shape[1] :])


def living(layers: Layers) -> list[Array]:
    """Return orthonormal frames (n_j, m_j) of what lives beside the layers, from the inputs on.

    A direction u of hidden units with uᵀW_j = 0 and W_{j+1}u = 0 has slopes 0 for ever, but
    rounding would move it. Layers with W_{L+1−j} = ±W_jᵀ have frames that keep this.
    """
    ends = np.eye(layers[0].shape[1]), np.eye(layers[-1].shape[0])
    inner = [_alive(low, high) for low, high in pairwise(layers)]
    if mirror_of(layers) is not None:
        inner = [inner[min(j, len(inner) - 1 - j)] for j in range(len(inner))]
    return [ends[0], *inner, ends[1]]


def framed(layers: Layers, frames: Layers) -> list[Array]:
    """Return the layers in the coordinates of `frames` (n_j, m_j), m_j by m_{j−1} each."""
    return [
        high.T @ layer @ low
        for layer, low, high in zip(layers, frames[:-1], frames[1:], strict=True)
    ]


def _alive(low: Array, high: Array) -> Array:
    """Return a frame of the hidden directions between W_j (n, a) and W_{j+1} (b, n) that live.

    The sizes of layers and of hidden units say nothing: small ones are slow, and not dead.
    """
    sides = [layer / (float(np.linalg.norm(layer)) or 1.0) for layer in (low, high.T)]
    rows = np.hstack(sides)
    sizes = np.linalg.norm(rows, axis=1, keepdims=True)
    sizes[sizes == 0] = 1.0
    left, values, _ = np.linalg.svd(rows / sizes)
    dead = left[:, np.count_nonzero(values > ULPS * values[0]) :]
    return orthogonal(dead / sizes) if dead.size else np.eye(len(rows))


def checked_layers(init: Any, shape: tuple[int, int], name: str = "init") -> list[Array]:
    """Return the user's initial layers over α, from the input on.

    Raises
    ------
    TypeError, ValueError
        If they are fewer than three, do not fit each other or the problem of shape (c, d), two of
        them are zero, or their powers leave float64.
    """
    if isinstance(init, str) or not isinstance(init, Sequence | np.ndarray):
        raise TypeError(
            f"{name}={checks.show(init)} must be a list of layers over alpha, from the input on."
        )
    layers = [checks.real_array(layer, f"{name}[{j}]", 2) for j, layer in enumerate(init)]
    if len(layers) < 3:
        raise ValueError(
            f"{name} has {len(layers)} layer{'s' * (len(layers) != 1)}; a deep network has at "
            "least three: use agf.linear or greedy_low_rank without depth for two, and linear "
            "regression, which has no saddles, for one."
        )
    sides = [layers[0].shape[1], *(layer.shape[0] for layer in layers)]
    for j, (layer, side) in enumerate(zip(layers, sides, strict=False)):
        if layer.shape[1] != side:
            raise ValueError(
                f"{name}[{j}] has shape {layer.shape} and {name}[{j - 1}] has shape "
                f"{layers[j - 1].shape}; layer j must have shape (n_j, n_(j-1)): its columns are "
                "the rows of the layer before."
            )
    if (sides[-1], sides[0]) != shape:
        raise ValueError(
            f"{name} maps {sides[0]} inputs to {sides[-1]} outputs, and the problem has "
            f"{shape[1]} inputs and {shape[0]} outputs; the first layer must have {shape[1]} "
            f"columns and the last one {shape[0]} rows."
        )
    zero = [j for j, layer in enumerate(layers) if not layer.any()]
    if len(zero) > 1:
        raise ValueError(
            f"{name}[{zero[0]}] and {name}[{zero[1]}] are zero: where two layers are zero the flow "
            "never moves; pass generic layers."
        )
    _check_powers(layers, name)
    return layers


def _check_powers(layers: Layers, name: str) -> None:
    """Raise if the power L − 2 of the weights, which times are divided by, leaves float64."""
    size, depth = max(float(np.abs(layer).max()) for layer in layers), len(layers)
    if (depth - 2) * abs(math.log(size)) > math.log(LARGEST):
        raise ValueError(
            f"max(abs({name}))={size:.3g}: its power {depth - 2} is beyond {1 / LARGEST:g} to "
            f"{LARGEST:g}, and times are divided by that; multiply all layers by one constant "
            f"and divide alpha by it: that is the same network."
        )
