"""Greedy low-rank learning at depth L ≥ 3: W = W_L…W_1 under any smooth loss of square matrices.

`deep_steps` is the algorithm. From W_j(0) = α (the identity) W stays symmetric and positive
semi-definite, as UUᵀ does at depth 2: only positive eigenvalues of −∇f grow. Layers that mirror
each other but for signs keep W symmetric as well, with the signs of its eigenvalues.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from saddles import checks
from saddles._matrix.declared import DeclaredLoss
from saddles._matrix.deep_jump import Objective
from saddles._matrix.deep_layers import checked_layers, mirror_of
from saddles._matrix.deep_steps import DeepTask, deep_steps
from saddles._matrix.loss_checks import refuse_extreme
from saddles._numerics.precision import EPS
from saddles.alternation import Algorithm
from saddles.typing import Array

__all__ = ["checked_depth", "deep_algorithm"]

#: Where gradients are differenced, a step relative to W: see `on_factors`.
STEP = EPS ** (1 / 3)


def deep_algorithm(
    loss: Any, *, depth: int, init: Any, max_rank: int | None, tol: float, name: str
) -> Algorithm[Any]:
    """Return the steps of greedy low-rank learning with `depth` layers."""
    declared = DeclaredLoss.of(loss)
    size = declared.size
    if max_rank is not None:
        raise TypeError(
            f"max_rank={max_rank!r} is for depth=2; for depth={depth!r} the layers of init say how "
            "wide the network is: leave max_rank out, or use max_jumps."
        )
    layers = [np.eye(size)] * depth if init is None else checked_layers(init, (size, size))
    if len(layers) != depth:
        raise ValueError(f"init has {len(layers)} layers and depth={depth!r}; pass one per layer.")
    objective = Objective(
        shape=(size, size), pull=lambda W: -_gradient(declared, W), bend=_bend(declared)
    )
    refuse_extreme(float(np.abs(objective.pull(np.zeros((size, size)))).max()))
    return deep_steps(
        DeepTask(
            objective=objective,
            value=lambda W: float(declared.value(W)),
            init=layers,
            tol=tol,
            mirror=mirror_of(layers),
        ),
        name=f"{name}, depth {depth}",
    )


def _gradient(loss: DeclaredLoss, W: Array) -> Array:
    return np.asarray(loss.gradient(W), dtype=float)


def _bend(loss: DeclaredLoss) -> Any:
    """Return the second derivative of a loss: its own, or differences of its gradient."""
    if loss.hessian_product is not None:
        own = loss.hessian_product
        return lambda W, D: np.asarray(own(W, D), dtype=float)

    def differences(W: Array, D: Array) -> Array:
        size = float(np.abs(D).max()) or 1.0
        step = STEP * (float(np.abs(W).max()) or 1.0) / size
        ahead, behind = (_gradient(loss, W + sign * step * D) for sign in (1, -1))
        return np.asarray((ahead - behind) / (2 * step))

    return differences


def checked_depth(depth: Any, init: Any) -> int:
    """Return the number of layers, or raise."""
    found = checks.depth(depth)
    if found == 2 and init is not None:
        raise TypeError(
            "init is given and depth=2: from a vanishing start, the initial directions do not "
            "enter the limit at depth 2; leave init out, or pass a depth above 2."
        )
    return found
