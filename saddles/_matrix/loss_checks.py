"""The check of a user's matrix loss: a smooth f of symmetric matrices, and its own gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from saddles import checks
from saddles._matrix.losses import FullMatrix, MatrixCompletion, MatrixSensing
from saddles.typing import Array

__all__ = ["checked_size"]

#: Losses whose gradients are known to be right.
OURS = (FullMatrix, MatrixCompletion, MatrixSensing)

#: Relative difference between a gradient and finite differences of its value that is an error.
GRADIENT_ERROR = 1e-4


def checked_size(loss: Any) -> int:
    """Return d of a loss whose gradient is symmetric and agrees with its value, else raise."""
    missing = [name for name in ("size", "value", "gradient") if not hasattr(loss, name)]
    if missing:
        raise TypeError(
            f"loss={checks.show(loss)} has no {', no '.join(missing)}; a loss needs size, value(W) "
            "and gradient(W): see saddles.MatrixLoss, or use saddles.MatrixCompletion."
        )
    size = checks.whole_number(loss.size, "loss.size", least=1)
    if not isinstance(loss, OURS):
        _compare_gradient(loss, size)
    return size


def _compare_gradient(loss: Any, size: int) -> None:
    """Raise unless ∇f is finite, symmetric and the derivative of f, at 0 and near it."""
    rng = np.random.default_rng(0)
    slope = _gradient(loss, np.zeros((size, size)))
    draws = (rng.standard_normal((size, 2)), rng.standard_normal((size, 2)))
    point, along = (draw @ draw.T / size for draw in draws)
    reach = 1.0
    if slope.any():
        bend = _gradient(loss, along * 1e-4) - slope
        if bend.any():
            reach = float(np.linalg.norm(slope) / (np.linalg.norm(bend) * 1e4))
    W = reach * point
    claimed = float(np.sum(_gradient(loss, W) * along)) * reach
    errors = []
    for step in (1e-2, 1e-3, 1e-4, 1e-5):
        ahead, behind = (float(loss.value(W + s * step * reach * along)) for s in (1, -1))
        measured = (ahead - behind) / (2 * step)
        errors.append(abs(measured - claimed))
    size_of_it = max(abs(claimed), abs(measured), float(np.linalg.norm(slope)) * reach * 1e-3)
    if not min(errors) <= GRADIENT_ERROR * size_of_it:
        raise ValueError(
            f"loss={checks.show(loss)}: along one direction the gradient says {claimed:g} and "
            f"finite differences of the value {measured:g}; gradient(W) must be the (d, d) matrix "
            "of df/dW_ij over all entries, both triangles."
        )


def _gradient(loss: Any, W: Array) -> Array:
    """Return ∇f(W) of a user's loss, or raise if it is not a finite symmetric (d, d) array."""
    gradient = np.asarray(loss.gradient(W))
    if gradient.dtype.kind not in "iuf":
        raise TypeError(
            f"loss.gradient(W) has dtype {gradient.dtype}; it must return an array of real numbers."
        )
    gradient = gradient.astype(float)
    if gradient.shape != W.shape:
        raise ValueError(
            f"loss.gradient(W) has shape {gradient.shape} and W has shape {W.shape}; they must be "
            "the same."
        )
    if not np.isfinite(gradient).all() or not math.isfinite(loss.value(W)):
        raise ValueError(
            "loss.gradient(W) or loss.value(W) is not finite at a positive semi-definite W near 0; "
            "the loss must be smooth there."
        )
    return checks.symmetric(gradient, "loss.gradient(W)") if gradient.any() else gradient
