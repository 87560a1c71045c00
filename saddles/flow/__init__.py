"""Gradient flow that stays exact at any initial scale, and its limit; names load when first used.

=============================  ====================================================================
``diagonal``                   diagonal linear networks, in mirror coordinates
``matrix``, ``linear``         factorised matrices and linear networks, in graded coordinates
``neurons``                    any smooth homogeneous neurons, in polar coordinates
``deep_linear``                linear networks of three and more layers, in their layers
``full``, ``whitened``         closed forms for ``matrix`` and ``linear``
``deep_modes``                 closed form of the mode times of deep linear networks
``vanishing_limit``            jump times of any of these flows, extrapolated to α → 0
=============================  ====================================================================

Flows are returned as ``Flow``.

Each coordinate system has a module. Read `mirror` first, then `graded` with its package `_graded`,
`polar` with its package `_polar`, `deep`, the closed forms in `riccati` and `modes`, and
`vanishing`. `saddles._result.flow` has the class ``Flow``.
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
