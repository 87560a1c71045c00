"""Alternating gradient flows, one function per network family.

Kunin, Marchetti, Chen, Karkada, Simon, DeWeese, Ganguli and Miolane, "Alternating Gradient Flows: A
Theory of Feature Learning in Two-layer Neural Networks" (2025, arXiv:2506.06489).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._lazy import lazily

if TYPE_CHECKING:
    from saddles.agf._diagonal import diagonal
    from saddles.agf._homogeneous import NeuronPath
    from saddles.agf._linear import linear
    from saddles.agf._modular_addition import modular_addition
    from saddles.agf._modular_network import Modes, ModularAddition
    from saddles.agf._network import network
    from saddles.agf._torch_network import TorchNetwork

#: Public name -> the module that holds it.
_HOMES = {
    "ModularAddition": "saddles.agf._modular_network",
    "Modes": "saddles.agf._modular_network",
    "NeuronPath": "saddles.agf._homogeneous",
    "TorchNetwork": "saddles.agf._torch_network",
    "diagonal": "saddles.agf._diagonal",
    "linear": "saddles.agf._linear",
    "modular_addition": "saddles.agf._modular_addition",
    "network": "saddles.agf._network",
}

__all__ = [
    "ModularAddition",
    "Modes",
    "NeuronPath",
    "TorchNetwork",
    "diagonal",
    "linear",
    "modular_addition",
    "network",
]

__getattr__, __dir__ = lazily(__name__, _HOMES)
