"""Alternating gradient flows, one function per network family.

Kunin, Marchetti, Chen, Karkada, Simon, DeWeese, Ganguli and Miolane, "Alternating Gradient Flows: A
Theory of Feature Learning in Two-layer Neural Networks" (2025, arXiv:2506.06489).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._lazy import lazily

if TYPE_CHECKING:
    from saddles.agf._attention import AttentionModes, LinearAttention, attention, attention_modes
    from saddles.agf._diagonal import diagonal
    from saddles.agf._extremal import ExtremalDirections, extremal_directions
    from saddles.agf._homogeneous import NeuronPath
    from saddles.agf._linear import linear
    from saddles.agf._modular_addition import modular_addition
    from saddles.agf._modular_modes import Modes
    from saddles.agf._modular_network import ModularAddition
    from saddles.agf._modular_report import ModularReport
    from saddles.agf._network import network
    from saddles.agf._relu import ReluNetwork, relu
    from saddles.agf._torch_network import TorchNetwork

#: Public name -> the module that holds it.
_HOMES = {
    "AttentionModes": "saddles.agf._attention",
    "ExtremalDirections": "saddles.agf._extremal",
    "LinearAttention": "saddles.agf._attention",
    "Modes": "saddles.agf._modular_modes",
    "ModularAddition": "saddles.agf._modular_network",
    "ModularReport": "saddles.agf._modular_report",
    "NeuronPath": "saddles.agf._homogeneous",
    "ReluNetwork": "saddles.agf._relu",
    "TorchNetwork": "saddles.agf._torch_network",
    "attention": "saddles.agf._attention",
    "attention_modes": "saddles.agf._attention",
    "diagonal": "saddles.agf._diagonal",
    "extremal_directions": "saddles.agf._extremal",
    "linear": "saddles.agf._linear",
    "modular_addition": "saddles.agf._modular_addition",
    "network": "saddles.agf._network",
    "relu": "saddles.agf._relu",
}

__all__ = [
    "AttentionModes",
    "ExtremalDirections",
    "LinearAttention",
    "Modes",
    "ModularAddition",
    "ModularReport",
    "NeuronPath",
    "ReluNetwork",
    "TorchNetwork",
    "attention",
    "attention_modes",
    "diagonal",
    "extremal_directions",
    "linear",
    "modular_addition",
    "network",
    "relu",
]

__getattr__, __dir__ = lazily(__name__, _HOMES)
