"""Alternating gradient flows, one function per network family.

Kunin, Marchetti, Chen, Karkada, Simon, DeWeese, Ganguli and Miolane, "Alternating Gradient Flows: A
Theory of Feature Learning in Two-layer Neural Networks" (2025, arXiv:2506.06489).

``diagonal``, ``linear``, ``modular_addition``, ``group_composition``, ``attention``, ``relu``,
``multi_index`` (a whole population), ``network`` (any neuron) and ``two_layer`` (a torch module)
return saddle paths of networks of two layers, ``deep_linear`` and ``deep_network`` those of deeper
ones. ``recurrent_composition`` makes a recurrent network of neurons that multiply two elements.
``extremal_directions`` finds the directions to which dormant ReLU neurons turn. ``attention_modes``
has the losses on the plateaus of linear attention, in closed form.

Read `_engine` first, the steps for every network of homogeneous neurons, then one family:
`_attention` is the shortest; `_modular`, `_groups`, `_relu`, `_multi_index`, `_any` and `_deep` are
packages. ``diagonal``, ``linear`` and ``deep_linear`` are in `saddles._diagonal` and
`saddles._matrix`, with the other solvers of their networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._tools.lazy import lazily

if TYPE_CHECKING:
    from saddles._diagonal.agf import diagonal
    from saddles._matrix.agf_linear import linear
    from saddles._matrix.deep_linear import deep_linear
    from saddles.agf._any.network import network
    from saddles.agf._any.torch_network import TorchNetwork
    from saddles.agf._any.two_layer import two_layer
    from saddles.agf._attention import AttentionModes, LinearAttention, attention, attention_modes
    from saddles.agf._deep.network import deep_network
    from saddles.agf._engine.steps import NeuronPath
    from saddles.agf._groups.learn import group_composition
    from saddles.agf._groups.modes import GroupModes
    from saddles.agf._groups.network import GroupComposition
    from saddles.agf._groups.recurrent import recurrent_composition
    from saddles.agf._groups.report import GroupReport
    from saddles.agf._groups.template import GroupBlocks
    from saddles.agf._modular.addition import modular_addition
    from saddles.agf._modular.modes import Modes
    from saddles.agf._modular.network import ModularAddition
    from saddles.agf._modular.report import ModularReport
    from saddles.agf._multi_index.activation import Homogeneous, Spherical
    from saddles.agf._multi_index.exponents import information_exponent, leap
    from saddles.agf._multi_index.maximisers import UtilityMaximisers, utility_maximisers
    from saddles.agf._multi_index.network import MultiIndex
    from saddles.agf._multi_index.path import MultiIndexPath, multi_index, single_index
    from saddles.agf._multi_index.rates import SplittingRates, splitting_rates
    from saddles.agf._multi_index.search import search_time
    from saddles.agf._multi_index.target import HermiteTarget
    from saddles.agf._relu.extremal import ExtremalDirections, extremal_directions
    from saddles.agf._relu.network import ReluNetwork
    from saddles.agf._relu.relu import relu

# Where pickles of earlier versions look for what has moved.
__path__.append(f"{__path__[0]}/_moved")

#: Public name -> the module that holds it.
_HOMES = {
    "AttentionModes": "saddles.agf._attention",
    "ExtremalDirections": "saddles.agf._relu.extremal",
    "GroupBlocks": "saddles.agf._groups.template",
    "GroupComposition": "saddles.agf._groups.network",
    "GroupModes": "saddles.agf._groups.modes",
    "GroupReport": "saddles.agf._groups.report",
    "HermiteTarget": "saddles.agf._multi_index.target",
    "Homogeneous": "saddles.agf._multi_index.activation",
    "LinearAttention": "saddles.agf._attention",
    "Modes": "saddles.agf._modular.modes",
    "ModularAddition": "saddles.agf._modular.network",
    "ModularReport": "saddles.agf._modular.report",
    "MultiIndex": "saddles.agf._multi_index.network",
    "MultiIndexPath": "saddles.agf._multi_index.path",
    "NeuronPath": "saddles.agf._engine.steps",
    "ReluNetwork": "saddles.agf._relu.network",
    "Spherical": "saddles.agf._multi_index.activation",
    "SplittingRates": "saddles.agf._multi_index.rates",
    "TorchNetwork": "saddles.agf._any.torch_network",
    "UtilityMaximisers": "saddles.agf._multi_index.maximisers",
    "attention": "saddles.agf._attention",
    "attention_modes": "saddles.agf._attention",
    "deep_linear": "saddles._matrix.deep_linear",
    "deep_network": "saddles.agf._deep.network",
    "diagonal": "saddles._diagonal.agf",
    "extremal_directions": "saddles.agf._relu.extremal",
    "group_composition": "saddles.agf._groups.learn",
    "information_exponent": "saddles.agf._multi_index.exponents",
    "leap": "saddles.agf._multi_index.exponents",
    "linear": "saddles._matrix.agf_linear",
    "modular_addition": "saddles.agf._modular.addition",
    "multi_index": "saddles.agf._multi_index.path",
    "network": "saddles.agf._any.network",
    "recurrent_composition": "saddles.agf._groups.recurrent",
    "relu": "saddles.agf._relu.relu",
    "search_time": "saddles.agf._multi_index.search",
    "single_index": "saddles.agf._multi_index.path",
    "splitting_rates": "saddles.agf._multi_index.rates",
    "two_layer": "saddles.agf._any.two_layer",
    "utility_maximisers": "saddles.agf._multi_index.maximisers",
}

__all__ = [
    "AttentionModes",
    "ExtremalDirections",
    "GroupBlocks",
    "GroupComposition",
    "GroupModes",
    "GroupReport",
    "HermiteTarget",
    "Homogeneous",
    "LinearAttention",
    "Modes",
    "ModularAddition",
    "ModularReport",
    "MultiIndex",
    "MultiIndexPath",
    "NeuronPath",
    "ReluNetwork",
    "Spherical",
    "SplittingRates",
    "TorchNetwork",
    "UtilityMaximisers",
    "attention",
    "attention_modes",
    "deep_linear",
    "deep_network",
    "diagonal",
    "extremal_directions",
    "group_composition",
    "information_exponent",
    "leap",
    "linear",
    "modular_addition",
    "multi_index",
    "network",
    "recurrent_composition",
    "relu",
    "search_time",
    "single_index",
    "splitting_rates",
    "two_layer",
    "utility_maximisers",
]

__getattr__, __dir__ = lazily(__name__, _HOMES)
