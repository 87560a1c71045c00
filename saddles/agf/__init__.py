"""Alternating gradient flows, one function per network family.

Kunin, Marchetti, Chen, Karkada, Simon, DeWeese, Ganguli and Miolane, "Alternating Gradient Flows: A
Theory of Feature Learning in Two-layer Neural Networks" (2025, arXiv:2506.06489).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saddles.agf._diagonal import diagonal
    from saddles.agf._linear import linear

#: Public name -> the module that holds it.
_HOMES = {"diagonal": "saddles.agf._diagonal", "linear": "saddles.agf._linear"}

__all__ = ["diagonal", "linear"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'saddles.agf' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
