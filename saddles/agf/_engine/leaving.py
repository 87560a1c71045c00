"""Saddles that the flow of the active neurons leaves: negative curvature, and a push along it.

A descent may end at a saddle, for what makes a flow leave one is tiny there: in the limit new
neurons are aligned exactly, and then all of them stay in a subspace in which the saddle is a
minimum. The flow from any small α is in that subspace up to a power of α only, and it leaves after
a time of order log(1/α), which on the clock of dormant neurons of degree κ > 2 is none. So the
curvature is looked at in the whole space; the neurons are pushed along where it is most negative,
and descend again.

==============  ====================================================================
code name       symbol
==============  ====================================================================
``theta``       θ, the active neurons, (A, p)
``basis``       B, orthonormal, (p, m), of all directions in which neurons have gradients
``together``    which neurons are equal, orthonormal, (A, g): the flow never parts them
``rate``        −λ, of the least eigenvalue λ of ∂²L/∂θ²
==============  ====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saddles.agf._engine.active import DENSE, Descent, descend_neurons
from saddles.agf._engine.coordinates import CONSERVED, SLIGHT, Coordinates, same
from saddles.homogeneous import Declared
from saddles.typing import Array

__all__ = ["Exit", "left"]

#: Neurons are pushed by this share of their norm: far enough for the flow to go on from there.
PUSH = 1e-2
#: A fall by less than so many times the error of a level is none.
CLEARLY = 4.0
#: So many saddles may be left one after the other.
EXITS = 10


@dataclass(frozen=True, eq=False)
class Exit:
    """How fast neurons leave a saddle, and along which unit direction (A, p)."""

    rate: float
    along: Array

    @classmethod
    def of(cls, network: Declared, theta: Array) -> Exit | None:
        """Return the fastest way out; None if no curvature leads down, or it cannot be formed."""
        run = Coordinates.everywhere(network, theta)
        if run.origin.size > DENSE:
            return None
        first = same(theta)
        groups = np.unique(first)
        members = (first[:, None] == groups).astype(float)
        together = np.kron(members / np.linalg.norm(members, axis=0), np.eye(run.basis.shape[1]))
        values, vectors = np.linalg.eigh(together.T @ run.hessian(run.origin) @ together)
        force = float(np.linalg.norm(run.gradient(run.origin)))
        explained = CONSERVED * force / run.norm(run.origin) + SLIGHT * np.abs(values).max()
        if not values[0] < -explained:
            return None
        along = (together @ vectors[:, 0]).reshape(len(theta), -1) @ run.basis.T
        # The limit may take either side; it is not left to rounding which one this is.
        side = np.sum(along * np.random.default_rng(0).standard_normal(along.shape))
        return cls(-float(values[0]), math.copysign(1.0, side) * along)


def left(network: Declared, found: Descent, *, creep: float, tol: float) -> Descent:
    """Return where the flow goes from what a descent `found`, once it has left all saddles."""
    start = float(network.loss(found.theta[:0]))
    for _ in range(EXITS):
        out = Exit.of(network, found.theta)
        if out is None:
            return found
        theta = found.theta + PUSH * np.linalg.norm(found.theta) * out.along
        beyond = descend_neurons(network, theta, np.linalg.norm(theta, axis=1), creep=creep)
        least = CLEARLY * max(tol, found.creep, beyond.creep) * start
        if not _level(network, beyond) < _level(network, found) - least:
            return found
        found = beyond
    return found


def _level(network: Declared, found: Descent) -> float:
    return float(network.loss(found.theta)) if found.loss is None else found.loss
