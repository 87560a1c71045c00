"""Units in which outputs, targets and the weights of a deep network are of order one.

With weights θ = cθ̂ and outputs f = s f̂, a network of degree κ has the loss L = s²L̂, and the wait
τ̂ α̂^(2−m) of degree m in these units is τ α^(2−m) with τ = τ̂ c^m/s². Units are powers of two, so
nothing is rounded, and tolerances mean the same for all data.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``weight``       c
``output``       s
===============  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles.agf._deep.whole import largest_output
from saddles.typing import Array

__all__ = ["Units", "units_of"]


@dataclass(frozen=True)
class Units:
    """What numbers in units are multiplied by to be the user's; see the module's table."""

    weight: float = 1.0
    output: float = 1.0

    def wait(self, degree: int) -> float:
        """Return the unit of waits of this degree, c^m/s²."""
        return float(np.exp2(degree * math.log2(self.weight) - 2 * math.log2(self.output)))

    def scaled(self, network: Callable[[Any, Any], Any], degree: int) -> Callable[[Any, Any], Any]:
        """Return the network f̂ in these units."""
        factor = float(np.exp2(degree * math.log2(self.weight) - math.log2(self.output)))
        return network if factor == 1 else lambda theta, X: factor * network(theta, X)


def units_of(
    network: Callable[[Any, Any], Any], start: Array, X: Array, Y: Array, degree: int
) -> Units:
    """Return the units of weights along `start` (p,) and of targets, where both have a size."""
    random = np.random.default_rng(0).standard_normal(start.shape)
    for weights in (start, random):
        size = largest_output(network, weights / np.linalg.norm(weights), X)
        wanted = float(np.abs(Y).max(initial=0.0))
        if 0 < size < math.inf and wanted > 0:
            exponent = round(math.log2(wanted / size) / degree)
            return Units(2.0**exponent, 2.0 ** round(math.log2(wanted)))
    return Units()
