"""Gradient flow that stays exact at any initial scale, and its limit; names load when first used.

``diagonal`` integrates the flow of a diagonal linear network in mirror coordinates, ``neurons``
that of any homogeneous neurons in polar ones; ``Flow`` is what every integrator returns;
``vanishing_limit`` extrapolates measured jump times to α → 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._lazy import lazily

if TYPE_CHECKING:
    from saddles.flow.mirror import diagonal
    from saddles.flow.polar import neurons
    from saddles.flow.result import Curve, Flow, Jumps
    from saddles.flow.vanishing import VanishingLimit, vanishing_limit

#: Public name -> the module that holds it.
_HOMES = {
    "diagonal": "saddles.flow.mirror",
    "neurons": "saddles.flow.polar",
    "Curve": "saddles.flow.result",
    "Flow": "saddles.flow.result",
    "Jumps": "saddles.flow.result",
    "VanishingLimit": "saddles.flow.vanishing",
    "vanishing_limit": "saddles.flow.vanishing",
}

__all__ = ["Curve", "Flow", "Jumps", "VanishingLimit", "diagonal", "neurons", "vanishing_limit"]

__getattr__, __dir__ = lazily(__name__, _HOMES)
