"""Whether neurons rest only because of where they are: neighbours of them could grow.

A dormant neuron whose direction is a critical point of the utility does not turn, also where that
is no maximum. An initial direction along an axis of the data often is one. The flow of just these
neurons rests there, but nobody should take that for the end of training.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``directions``   u, unit vectors of dormant neurons, shape (D, p)
``active``       the active neurons, shape (A, p)
``near``         v, unit vectors beside them, some ascent of the utility away, shape (m, p)
``utility``      U(v); a neuron along v lowers the loss by U²/4q at most, with q below
``square``       q, where L(active, v) = L(active) − U(v) + q
===============  ==========================================================================
"""

from __future__ import annotations

import numpy as np

from saddles.homogeneous import Declared
from saddles.typing import Array

__all__ = ["worth"]

#: Angle between neighbours and their neuron, and length of each step of their ascent.
ANGLE = 0.1
#: Neighbours of each neuron, in random directions, and steps. From beside a maximum these lead back
#: to it; elsewhere they find the directions that lead up, were there one among many that lead down.
NEIGHBOURS, STEPS = 4, 20


def worth(network: Declared, directions: Array, active: Array) -> float:
    """Return by how much the loss could fall if a neighbour of a dormant neuron were in its place.

    Parameters
    ----------
    network : Declared
        The network.
    directions : ndarray of shape (D, p)
        Unit vectors of the dormant neurons.
    active : ndarray of shape (A, p)
        The active neurons.

    Returns
    -------
    float
        The largest U²/4q, 0 if no utility is positive.
    """
    draw = np.random.default_rng(0)
    near = _moved(np.repeat(directions, NEIGHBOURS, axis=0), None, draw)
    for _ in range(STEPS):
        near = _moved(near, network.utility_gradient(near, active), draw)
    utility = network.utility(near, active)
    before, most = network.loss(active), 0.0
    for u, direction in zip(utility, near, strict=True):
        square = network.loss(np.vstack([active, direction])) - before + float(u)
        if u > 0 and square > 0:
            most = max(most, float(u) ** 2 / (4 * square))
    return most


def _moved(units: Array, along: Array | None, draw: np.random.Generator) -> Array:
    """Return the unit vectors (m, p) after a turn by about `ANGLE` along vectors, or at random."""
    step = draw.standard_normal(units.shape) if along is None else along
    lengths = np.linalg.norm(step, axis=1, keepdims=True)
    moved = units + ANGLE * step / np.where(lengths > 0, lengths, 1.0)
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))
