"""Active neurons in too many coordinates for second derivatives: a search."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from saddles._numerics.precision import EPS
from saddles.agf._engine.coordinates import STATIONARY, Coordinates
from saddles.agf._engine.creep import WINDOW
from saddles.status import Breakdown, Status
from saddles.typing import Array

__all__ = ["search"]

#: How often the search looks at where it is, and how many times at least.
CHECK, PATIENT = 10, 6
#: Iterations, and what the loss may still have fallen, relative to L(0), in the last three quarters
#: of them.
ITERATIONS, LAST_FALL = 1000, 1e-2
#: The same when it may stop before.
CREEPING = 5e-4
#: Neurons below this share of the norm that they may come to are new; and none counts as smaller
#: than the second share of the largest.
NEW, LEAST_NORM = 0.3, 1e-2


def search(run: Coordinates, sizes: Array, creep: float) -> tuple[Array, float]:
    """Descend by L-BFGS; return the neurons (A, p) and ``creep``.

    New neurons start at the best norm along their directions; iterations stand for time.
    """
    from scipy.optimize import minimize

    norms = np.linalg.norm(run.theta, axis=1)
    factors = np.where(norms < NEW * sizes, sizes / norms, 1.0)
    run = replace(run, theta=run.theta * factors[:, None])
    unit = _units(run)
    losses: list[float] = []
    size, fall = np.inf, np.inf

    def watch(intermediate_result: Any) -> None:
        nonlocal size, fall
        z = unit * intermediate_result.x
        losses.append(float(intermediate_result.fun))
        fall = (losses[int(len(losses) / WINDOW)] - losses[-1]) / run.start
        if len(losses) % CHECK == 0:
            size = run.size(z, float(np.linalg.norm(run.gradient(z))))
            if size <= STATIONARY or (len(losses) >= PATIENT * CHECK and fall <= CREEPING):
                raise StopIteration

    found = minimize(
        lambda x: run.loss(unit * x),
        run.origin,
        jac=lambda x: unit * run.gradient(unit * x),
        method="L-BFGS-B",
        callback=watch,
        options={
            "maxiter": ITERATIONS,
            "maxfun": 4 * ITERATIONS,
            "maxcor": 10,
            "ftol": 0.0,
            "gtol": 0.0,
        },
    )
    z = unit * found.x
    size = run.size(z, float(np.linalg.norm(run.gradient(z))))
    if not (size <= STATIONARY or fall <= LAST_FALL):
        raise Breakdown(Status.STALLED, "the active neurons came to no critical point")
    return run.at(z), 0.0 if size <= STATIONARY else max(fall, EPS)


def _units(run: Coordinates) -> Array:
    """Return units of z: the loss is the more curved along a neuron, the larger it is.

    The curvature goes like |θ|^(2κ−2).
    """
    norms = np.linalg.norm(run.theta, axis=1)
    shares = np.maximum(norms / norms.max(), LEAST_NORM)
    return np.repeat(shares ** (1 - run.network.degree), run.basis.shape[1])
