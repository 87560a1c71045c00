"""Gradient flow that stays exact at any initial scale, and its limit; names load when first used.

``diagonal`` integrates the flow of a diagonal linear network in mirror coordinates, ``matrix`` and
``linear`` those of factorised matrices and of linear networks in graded ones, ``neurons`` that of
any homogeneous neurons in polar ones, ``deep_linear`` that of deep linear networks in their layers;
``full`` and ``whitened`` are closed forms of the second and third, ``deep_modes`` of the jump times
of deeper ones; ``Flow`` is what all return; ``vanishing_limit`` extrapolates measured jump times to
α → 0.

Each coordinate system has a module. Read `mirror` first, then `graded` with its package `_graded`,
`polar` with its package `_polar`, `deep`, the closed forms in `riccati` and
`modes`, and `vanishing`. What a flow returns is in `saddles._result.flow`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._tools.lazy import lazily

if TYPE_CHECKING:
    from saddles._result.flow import Flow
    from saddles._result.jumps import Jumps
    from saddles._result.trajectory import Curve
    from saddles.flow.deep import deep_linear
    from saddles.flow.graded import linear, matrix
    from saddles.flow.mirror import diagonal
    from saddles.flow.modes import deep_modes
    from saddles.flow.polar import neurons
    from saddles.flow.riccati import Riccati, full, whitened
    from saddles.flow.vanishing import VanishingLimit, vanishing_limit

#: Public name -> the module that holds it.
_HOMES = {
    "deep_linear": "saddles.flow.deep",
    "deep_modes": "saddles.flow.modes",
    "diagonal": "saddles.flow.mirror",
    "linear": "saddles.flow.graded",
    "matrix": "saddles.flow.graded",
    "neurons": "saddles.flow.polar",
    "Curve": "saddles._result.trajectory",
    "Flow": "saddles._result.flow",
    "Jumps": "saddles._result.jumps",
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
    "deep_linear",
    "deep_modes",
    "diagonal",
    "full",
    "linear",
    "matrix",
    "neurons",
    "vanishing_limit",
    "whitened",
]

__getattr__, __dir__ = lazily(__name__, _HOMES)
