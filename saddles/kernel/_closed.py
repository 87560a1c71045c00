"""Neural tangent kernels of two-layer networks, in closed form.

Jacot, Gabriel and Hongler (2018, arXiv:1806.07572): Θ(x, x') = Σ_k <∇_θ f_k(x), ∇_θ f_k(x')>, the
sum running over the outputs; no factor 1/n or 1/width. For f(x) = A σ(W x), σ applied per neuron,

    Θ(x, x') = c Σ_i σ(w_i·x) σ(w_i·x') + (x·x') Σ_i |a_i|² σ'(w_i·x) σ'(w_i·x').

===========  ==============================================================
code name    symbol
===========  ==============================================================
``W``        W, shape (h, d): rows w_i
``A``        A, shape (c, h): columns a_i; or (h,) for a single output
===========  ==============================================================
"""

from __future__ import annotations

import numpy as np

from saddles import checks
from saddles.typing import Array, ArrayLike

__all__ = ["linear", "relu"]


def linear(X: ArrayLike, W: ArrayLike, A: ArrayLike, *, others: ArrayLike | None = None) -> Array:
    """Neural tangent kernel of the linear network A W x, at one time or along a trajectory.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Samples.
    W : array_like of shape (h, d) or (q, h, d)
        First layer, at q times in the second case.
    A : array_like of shape (c, h) or (q, c, h), or (h,) or (q, h)
        Second layer; the shorter shapes are those of a single output.
    others : array_like of shape (m, d), optional
        Samples of the columns of the kernel; `X` by default.

    Returns
    -------
    ndarray of shape (n, m) or (q, n, m)
        ``c (XWᵀ)(X'Wᵀ)ᵀ + |A|² XX'ᵀ``, traced over the outputs.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> from saddles import kernel
    >>> kernel.linear([[1.0, 0.0], [1.0, 1.0]], [[2.0, 0.0]], [1.0])
    array([[5., 5.],
           [5., 6.]])
    """
    left, right, W, A = _network(X, W, A, others)
    hidden, hidden_right = left @ _turned(W), right @ _turned(W)
    squares = np.sum(A**2, axis=(-2, -1))[..., None, None]
    return np.asarray(A.shape[-2] * (hidden @ _turned(hidden_right)) + squares * (left @ right.T))


def relu(X: ArrayLike, W: ArrayLike, A: ArrayLike, *, others: ArrayLike | None = None) -> Array:
    """Neural tangent kernel of the network A relu(W x), with relu'(0) = 0.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Samples.
    W : array_like of shape (h, d) or (q, h, d)
        First layer, as for `linear`.
    A : array_like of shape (c, h) or (q, c, h), or (h,) or (q, h)
        Second layer, as for `linear`.
    others : array_like of shape (m, d), optional
        Samples of the columns of the kernel; `X` by default.

    Returns
    -------
    ndarray of shape (n, m) or (q, n, m)
        Traced over the outputs.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> from saddles import kernel
    >>> kernel.relu([[1.0, 0.0], [-1.0, 1.0]], [[2.0, 0.0], [0.0, 1.0]], [1.0, 3.0])
    array([[ 5.,  0.],
           [ 0., 19.]])
    """
    left, right, W, A = _network(X, W, A, others)
    hidden, hidden_right = left @ _turned(W), right @ _turned(W)
    weights = np.sum(A**2, axis=-2)[..., None, :]
    slopes = (weights * (hidden > 0)) @ _turned((hidden_right > 0).astype(float))
    features = np.maximum(hidden, 0) @ _turned(np.maximum(hidden_right, 0))
    return np.asarray(A.shape[-2] * features + slopes * (left @ right.T))


def _turned(matrices: Array) -> Array:
    return np.swapaxes(matrices, -2, -1)


def _network(
    X: ArrayLike, W: ArrayLike, A: ArrayLike, others: ArrayLike | None
) -> tuple[Array, Array, Array, Array]:
    """Return both sets of samples, W (..., h, d) and A (..., c, h)."""
    left = checks.real_array(X, "X", 2)
    right = left if others is None else checks.real_array(others, "others", 2)
    first = checks.real_array(W, "W", (2, 3))
    second = checks.real_array(A, "A", (first.ndim - 1, first.ndim))
    if second.ndim < first.ndim:
        second = second[..., None, :]
    if not left.shape[1] == right.shape[1] == first.shape[-1]:
        raise ValueError(
            f"X has shape {left.shape}, others {right.shape} and W {first.shape}; all must have as "
            "many columns, one per input."
        )
    if first.shape[:-1] != (*second.shape[:-2], second.shape[-1]):
        raise ValueError(
            f"W has shape {first.shape} and A has shape {second.shape}; they must have the same "
            "neurons (rows of W, last axis of A) at the same times."
        )
    return left, right, first, second
