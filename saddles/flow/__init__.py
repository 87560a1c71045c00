"""Gradient flow that stays exact at any initial scale, and its limit; names load when first used.

``diagonal`` integrates the flow of a diagonal linear network in mirror coordinates; ``full`` and
``whitened`` are closed forms of matrix factorisation and linear networks; ``Flow`` is what all
return; ``vanishing_limit`` extrapolates measured jump times to α → 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._lazy import lazily

if TYPE_CHECKING:
    from saddles.flow.mirror import diagonal
    from saddles.flow.result import Curve, Flow, Jumps
    from saddles.flow.riccati import Riccati, full, whitened
    from saddles.flow.vanishing import VanishingLimit, vanishing_limit

#: Public name -> the module that holds it.
_HOMES = {
    "diagonal": "saddles.flow.mirror",
    "Curve": "saddles.flow.result",
    "Flow": "saddles.flow.result",
    "Jumps": "saddles.flow.result",
    "Riccati": "saddles.flow.riccati",
    "full": "saddles.flow.riccati",
    "whitened": "saddles.flow.riccati",
    "VanishingLimit": "saddles.flow.vanishing",
    "vanishing_limit": "saddles.flow.vanishing",
}

__all__ = [
    "Curve",
    "Flow",
    "Jumps",
    "Riccati",
    "VanishingLimit",
    "diagonal",
    "full",
    "vanishing_limit",
    "whitened",
]

__getattr__, __dir__ = lazily(__name__, _HOMES)
