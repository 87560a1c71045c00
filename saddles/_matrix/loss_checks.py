"""The check of a user's matrix loss: a smooth f of symmetric matrices, and its own derivatives.

A derivative is compared with differences of what it derives, over steps of several lengths: one
that is right agrees with some of them to many digits, whatever the loss.

============  =====================================================================
code name     symbol
============  =====================================================================
``W``         where, (d, d), positive semi-definite
``along``     D, a direction, (d, d), positive semi-definite
``unit``      a length along D over which ∇f changes by something like itself
============  =====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from saddles import checks
from saddles._matrix.declared import DeclaredLoss
from saddles._matrix.losses import FullMatrix, MatrixCompletion, MatrixSensing
from saddles._matrix.on_factors import NOISE
from saddles.typing import Array

__all__ = ["checked_size", "complaint", "refuse_extreme"]

#: Losses whose derivatives are known to be right.
OURS = (FullMatrix, MatrixCompletion, MatrixSensing)

#: Entries of ∇f(0) between which squares of forces, down to fourteen digits, fit a float64.
SMALLEST_PULL, LARGEST_PULL = 1e-90, 1e90

#: Relative difference between a derivative and differences that is an error.
DIFFERENT = 1e-4
#: Lengths of the steps, in units of ``unit``.
STEPS = (1e-2, 1e-3, 1e-4, 1e-5)
#: Of a change of ∇f, relative to ∇f(0), what is so small that rounding blurs it.
FAINT = 1e-3
#: Trials of a unit, and how much farther or nearer the next one is.
TRIALS, FARTHER = 100, 1e3


def checked_size(loss: Any) -> int:
    """Return d of a loss whose derivatives agree with its value, else raise."""
    declared = DeclaredLoss.of(loss)
    if type(loss) not in OURS:
        with np.errstate(all="ignore"):
            _compare_at_the_start(declared, checks.show(loss))
    return declared.size


def _compare_at_the_start(loss: DeclaredLoss, shown: str) -> None:
    """Raise unless ∇f is finite and symmetric at 0, and all derivatives are so near it."""
    rng = np.random.default_rng(0)
    slope = _gradient(loss, np.zeros((loss.size, loss.size)))
    draws = (rng.standard_normal((loss.size, 2)), rng.standard_normal((loss.size, 2)))
    point, along = (draw @ draw.T / loss.size for draw in draws)
    unit = _unit(loss, slope, along)
    _gradient(loss, unit * point)
    wrong = _wrong(loss, unit * point, unit * along, float(np.linalg.norm(slope)))
    if wrong:
        raise ValueError(f"loss={shown}: {wrong}.")
    _compare_factors(loss, math.sqrt(unit) * draws[0] / math.sqrt(loss.size), shown)


def complaint(loss: DeclaredLoss, W: Array) -> str:
    """Return in words what is wrong with a loss at W ≠ 0, or nothing where nothing is."""
    with np.errstate(all="ignore"):
        gradient, value = np.asarray(loss.gradient(W)), loss.value(W)
        if not np.isfinite(gradient).all() or not math.isfinite(value):
            return f"loss.gradient(W) or loss.value(W) is not finite {_where(W)}"
        start = float(np.linalg.norm(loss.gradient(np.zeros_like(W))))
        return _wrong(loss, W, W, start)


def _wrong(loss: DeclaredLoss, W: Array, along: Array, start: float) -> str:
    """Return what differs along a direction at W, in words; `start` is |∇f(0)|."""
    claimed = np.sum(loss.gradient(W) * along)
    least = FAINT * start * float(np.linalg.norm(along))
    found = _apart(lambda X: np.asarray(loss.value(X)), W, along, claimed, least)
    if found is not None:
        return (
            f"{_where(W)} the gradient says that f changes by {float(claimed):g} along one "
            f"direction, and differences of the value {_listed(found)}; gradient(W) must be the "
            "(d, d) matrix of df/dW_ij over all entries, both triangles, and value(W) smooth"
        )
    if loss.hessian_product is None:
        return ""
    product = np.asarray(loss.hessian_product(W, along), dtype=float)
    if product.shape != W.shape:
        return f"hessian_product(W, D) has shape {product.shape} and D has shape {W.shape}"
    if loss.takes_stacks:
        several = np.asarray(loss.hessian_product(W, np.stack([W, along])))
        if several.shape != (2, *W.shape) or not np.allclose(several[1], product):
            return "takes_stacks=True, but hessian_product(W, D) of a stack D is not that of each"
    found = _apart(loss.gradient, W, along, product, FAINT * start)
    if found is None:
        return ""
    return (
        f"{_where(W)} hessian_product(W, D) has norm {np.linalg.norm(product):g}, and differences "
        f"of the gradient along D {_listed(found)}; it must be the derivative of gradient(W) along "
        "D, or be left out"
    )


def _apart(
    function: Callable[[Array], Array], W: Array, along: Array, claimed: Any, least: float
) -> list[float] | None:
    """Return the sizes of a function's differences along D if none is what is claimed.

    By more than rounding of the function explains.
    """
    sizes, errors = [], []
    blur = NOISE * float(np.linalg.norm(function(W)))
    for step in STEPS:
        ahead, behind = (np.asarray(function(W + s * step * along), dtype=float) for s in (1, -1))
        measured = (ahead - behind) / (2 * step)
        sizes.append(float(np.linalg.norm(measured)) * (1 if measured.ndim else np.sign(measured)))
        errors.append(float(np.linalg.norm(measured - claimed)) - blur / step)
    size = max(float(np.linalg.norm(claimed)), abs(sizes[-1]), least)
    return None if min(errors) <= DIFFERENT * size else sizes


def _listed(sizes: list[float]) -> str:
    """Return in words what differences over steps of several lengths are."""
    listed = ", ".join(f"{size:g}" for size in sizes)
    return f"({', '.join(f'{step:g}' for step in STEPS)} of its length) say {listed}"


def _where(W: Array) -> str:
    return f"at a W of norm {np.linalg.norm(W):.4g}"


def _unit(loss: DeclaredLoss, slope: Array, along: Array) -> float:
    """Return how far along D ∇f changes by about `slope`, as far as it is finite; else 1."""
    size, unit, wall = float(np.linalg.norm(slope)), 1.0, math.inf
    for _ in range(TRIALS):
        change = float(np.linalg.norm(np.asarray(loss.gradient(unit * along)) - slope))
        if not math.isfinite(change):
            wall, unit = unit, unit / FARTHER
        elif change > size:
            unit *= max(size / change, 1 / FARTHER) / 2 if size else 1 / FARTHER
        elif change >= FAINT * size or unit * FARTHER >= wall:
            return unit
        else:
            unit *= FARTHER
    return 1.0


def _compare_factors(loss: DeclaredLoss, U: Array, shown: str) -> None:
    """Raise unless what a loss says of U is what it says of UUᵀ."""
    if loss.at_factor is None:
        return
    value, gradient = loss.at_factor(U)
    dense, probe = _gradient(loss, U @ U.T), np.eye(loss.size)[:, :1] + U[:, :1]
    same = np.allclose(gradient @ probe, dense @ probe, rtol=DIFFERENT)
    if not same or not math.isclose(value, loss.value(U @ U.T), rel_tol=DIFFERENT):
        raise ValueError(
            f"loss={shown}: at_factor(U) must return value(U @ U.T) and gradient(U @ U.T); at a U "
            f"of norm {np.linalg.norm(U):.4g} the values are {value:g} and "
            f"{loss.value(U @ U.T):g}."
        )


def _gradient(loss: DeclaredLoss, W: Array) -> Array:
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
    value = checks.numbers(loss.value(W), "loss.value(W)")
    if value.ndim:
        raise ValueError(f"loss.value(W) has shape {value.shape}; it must return one real number.")
    if not np.isfinite(gradient).all() or not math.isfinite(value):
        raise ValueError(
            f"loss.gradient(W) or loss.value(W) is not finite {_where(W)}, positive semi-definite; "
            "the loss must be smooth there."
        )
    return checks.symmetric(gradient, "loss.gradient(W)") if gradient.any() else gradient


def refuse_extreme(largest: float) -> None:
    """Raise if the largest entry of ∇f(0) is not 0, but its cube is near the ends of float64."""
    if largest and not SMALLEST_PULL <= largest <= LARGEST_PULL:
        raise ValueError(
            f"max(abs(gradient of the loss at 0))={largest!r} must lie between {SMALLEST_PULL:g} "
            f"and {LARGEST_PULL:g}, or squares of forces do not fit a float64; multiply the "
            "targets by a constant."
        )
