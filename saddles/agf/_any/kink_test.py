"""Whether a neuron has kinks: places where its gradient jumps, as that of a ReLU neuron does.

Along a segment between two neurons the part on which the gradient changes most is halved again and
again. Of a smooth neuron the change halves each time as well; across a kink it stays.
"""

from __future__ import annotations

import numpy as np

from saddles.homogeneous import Declared, HomogeneousNetwork
from saddles.typing import Array, Mask

__all__ = ["has_kinks"]

#: Segments that are tried, and their length beside that of a neuron. On short ones a kink outweighs
#: what changes smoothly; one in ten crosses a given plane.
SEGMENTS, LENGTH = 64, 0.3
#: Halvings; a smooth gradient has then changed by about 1e-9 of its size.
HALVINGS = 30
#: Change of the gradient, relative to its size, that is a jump.
JUMP = 1e-6


def has_kinks(network: HomogeneousNetwork | Declared) -> bool:
    """Return whether the gradient of a neuron's utility jumps, as far as `SEGMENTS` samples show.

    Parameters
    ----------
    network : HomogeneousNetwork
        Only ``utility_gradient`` and ``size`` are used; the residual is that of no active neuron.
    """
    rng = np.random.default_rng(2)
    left = rng.standard_normal((SEGMENTS, network.size))
    right = left + LENGTH * rng.standard_normal(left.shape)
    nobody = left[:0]
    before, after = (network.utility_gradient(ends, nobody) for ends in (left, right))
    size = np.linalg.norm(before, axis=1) + np.linalg.norm(after, axis=1)
    for _ in range(HALVINGS):
        middle = (left + right) / 2
        between = network.utility_gradient(middle, nobody)
        first: Mask = _change(before, between) >= _change(between, after)
        side = first[:, None]
        left, before = np.where(side, left, middle), np.where(side, before, between)
        right, after = np.where(side, middle, right), np.where(side, between, after)
    return bool((_change(before, after) > JUMP * size).any())


def _change(before: Array, after: Array) -> Array:
    return np.asarray(np.linalg.norm(after - before, axis=1))
