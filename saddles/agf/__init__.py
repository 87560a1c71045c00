"""Alternating gradient flows, one function per network family.

Kunin, Marchetti, Chen, Karkada, Simon, DeWeese, Ganguli and Miolane, "Alternating Gradient Flows: A
Theory of Feature Learning in Two-layer Neural Networks" (2025, arXiv:2506.06489).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._lazy import lazily

if TYPE_CHECKING:
    from saddles.agf._diagonal import diagonal
    from saddles.agf._linear import linear

#: Public name -> the module that holds it.
_HOMES = {"diagonal": "saddles.agf._diagonal", "linear": "saddles.agf._linear"}

__all__ = ["diagonal", "linear"]

__getattr__, __dir__ = lazily(__name__, _HOMES)
