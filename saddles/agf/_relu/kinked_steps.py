"""The two steps of a ReLU network, which the engine takes in the place of its own.

Gradients of a ReLU network jump, so the engine's ways and descents do not fit it: a neuron may have
to slide along a hyperplane on which it is held from both sides.
"""

from __future__ import annotations

from functools import partial

from saddles.agf._engine.setting import OwnSteps
from saddles.agf._relu.descent import descend_kinked
from saddles.agf._relu.dormant import first_ring
from saddles.agf._relu.network import ReluNetwork

__all__ = ["kinked_steps"]


def kinked_steps(network: ReluNetwork) -> OwnSteps:
    """Return the ways of dormant neurons, and the descent of active ones, of a network."""
    return OwnSteps(partial(first_ring, network), partial(descend_kinked, network))
