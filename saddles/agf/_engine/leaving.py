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
``rates``       −λ, of the negative eigenvalues λ of ∂²L/∂θ²
==============  ====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saddles.agf._engine.active import Descent, descend_neurons
from saddles.agf._engine.active_flow import ERAS
from saddles.agf._engine.coordinates import Coordinates, same
from saddles.agf._engine.levels import AMPLITUDE, ROUGHLY, SAFELY, STATIONARY
from saddles.homogeneous import Declared
from saddles.typing import Array, Indices

__all__ = ["Exits", "left"]


@dataclass(frozen=True, eq=False)
class Exits:
    """How fast neurons leave a saddle (k,), falling, and along which unit directions (k, A, p)."""

    rates: Array
    along: Array

    @classmethod
    def of(cls, network: Declared, theta: Array, equal: Indices) -> Exits | None:
        """Return the ways out; None if the curvature cannot be formed.

        Neurons of the same number `equal` (A,) stay equal, or in proportion.
        """
        run = Coordinates.everywhere(network, theta)
        if run.many:
            return None
        members = (equal[:, None] == np.unique(equal)).astype(float)
        members *= np.linalg.norm(theta, axis=1)[:, None]
        together = np.kron(members / np.linalg.norm(members, axis=0), np.eye(run.basis.shape[1]))
        values, vectors = np.linalg.eigh(together.T @ run.finite_hessian(run.origin) @ together)
        force = float(np.linalg.norm(run.gradient(run.origin)))
        explained = SAFELY * force / run.norm(run.origin) + STATIONARY * np.abs(values).max()
        down = values < -explained
        along = (together @ vectors[:, down]).T.reshape(-1, len(theta), run.basis.shape[1])
        return cls(-values[down], along @ run.basis.T)


def left(
    network: Declared, found: Descent, *, creep: float, tol: float, slowest: float = 0.0
) -> Descent:
    """Return where the flow goes from what a descent `found`, once it has left all saddles.

    Those that it leaves at a rate of no more than `slowest` it does not leave in time.
    """
    start = float(network.loss(found.theta[:0]))
    for _ in range(ERAS):
        out = Exits.of(network, found.theta, same(found.theta))
        if out is None or not out.rates.max(initial=0.0) > slowest:
            return found
        along = out.along[0]
        # The limit may take either side; it is not left to rounding which one this is.
        side = np.sum(along * np.random.default_rng(0).standard_normal(along.shape))
        push = math.copysign(AMPLITUDE, side) * np.linalg.norm(found.theta)
        theta = found.theta + push * along
        beyond = descend_neurons(network, theta, np.linalg.norm(theta, axis=1), creep=creep)
        least = ROUGHLY * max(tol, found.creep, beyond.creep) * start
        if not _level(network, beyond) < _level(network, found) - least:
            return found
        found = beyond
    return found


def _level(network: Declared, found: Descent) -> float:
    return float(network.loss(found.theta)) if found.loss is None else found.loss
