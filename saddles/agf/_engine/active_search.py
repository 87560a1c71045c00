"""Active neurons in too many coordinates for second derivatives: a search."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from saddles._numerics.precision import EPS
from saddles._result.certificate import CERTIFICATE_TOLERANCE
from saddles.agf._engine.active_flow import GROWN
from saddles.agf._engine.coordinates import Coordinates
from saddles.agf._engine.creep import ROUGH, WINDOW
from saddles.agf._engine.levels import AMPLITUDE, FALLEN, HARDLY
from saddles.status import Breakdown, Status
from saddles.typing import Array

__all__ = ["search"]

#: The search looks at where it is once in so many iterations, and makes at most so many. The
#: softest valleys take some hundred.
CHECK, ITERATIONS = 10, 2000
#: Pairs of steps and gradients that it remembers: more than there are soft directions to a neuron,
#: of which there are many.
MEMORY = 30
#: Relative stationarity at which it has come to a critical point: less sharp than Newton's method
#: is, and sharper than what certificates ask for.
FOUND = FALLEN * CERTIFICATE_TOLERANCE
#: Neurons creep to infinity if in the last three quarters of the iterations, of which there are so
#: many at least, a norm has grown by more than hardly, and the loss has fallen by no more than
#: `ROUGH` of L(0).
PATIENT = 150


def search(run: Coordinates, sizes: Array, creep: float) -> tuple[Array, float]:
    """Descend by L-BFGS; return the neurons (A, p) and ``creep``.

    New neurons start at the best norm along their directions; iterations stand for time.
    """
    from scipy.optimize import minimize

    norms = np.linalg.norm(run.theta, axis=1)
    factors = np.where(norms < GROWN * sizes, sizes / norms, 1.0)
    run = replace(run, theta=run.theta * factors[:, None])
    way = _Way(run, _units(run))
    found = minimize(
        way.loss,
        run.origin,
        jac=way.gradient,
        method="L-BFGS-B",
        callback=way.watch,
        options={
            "maxiter": ITERATIONS,
            "maxfun": 2 * ITERATIONS,
            "maxcor": MEMORY,
            "ftol": 0.0,
            "gtol": 0.0,
        },
    )
    z = way.unit * found.x
    size = way.size(z)
    if not (size <= FOUND or way.fall <= HARDLY):
        raise Breakdown(Status.STALLED, "the active neurons came to no critical point")
    return run.at(z), 0.0 if size <= FOUND else max(way.fall, EPS)


class _Way:
    """The search's coordinates, and what it has seen: losses and norms, one an iteration."""

    def __init__(self, run: Coordinates, unit: Array) -> None:
        self.run, self.unit = run, unit
        self.losses: list[float] = []
        self.norms: list[Array] = []

    def loss(self, x: Array) -> float:
        """Return L."""
        return self.run.loss(self.unit * x)

    def gradient(self, x: Array) -> Array:
        """Return ∂L/∂x."""
        return self.unit * self.run.gradient(self.unit * x)

    def size(self, z: Array) -> float:
        """Return the relative stationarity."""
        return self.run.size(z, float(np.linalg.norm(self.run.gradient(z))))

    @property
    def fall(self) -> float:
        """Fall of the loss in the last three quarters of the iterations, relative to L(0)."""
        return (self.losses[int(len(self.losses) / WINDOW)] - self.losses[-1]) / self.run.start

    def watch(self, intermediate_result: Any) -> None:
        """Stop at a critical point, or on the way to infinity."""
        z = self.unit * intermediate_result.x
        self.losses.append(float(intermediate_result.fun))
        self.norms.append(np.linalg.norm(self.run.at(z), axis=1))
        if len(self.losses) % CHECK == 0 and (self._creeps() or self.size(z) <= FOUND):
            raise StopIteration

    def _creeps(self) -> bool:
        """Whether neurons are on the way to infinity, and the loss is all but there."""
        if len(self.losses) < PATIENT or self.fall > ROUGH:
            return False
        grown = self.norms[-1] / self.norms[int(len(self.norms) / WINDOW)]
        return bool(grown.max() >= 1 + HARDLY)


def _units(run: Coordinates) -> Array:
    """Return units of z: the loss is the more curved along a neuron, the larger it is.

    The curvature goes like |θ|^(2κ−2).
    """
    norms = np.linalg.norm(run.theta, axis=1)
    shares = np.maximum(norms / norms.max(), AMPLITUDE)
    return np.repeat(shares ** (1 - run.network.degree), run.basis.shape[1])
