"""The single linear neuron f(x) = a w·x: exact dynamics, function space, kernel, and its end.

Kunin, Raventós, Dominé, Chen, Klindt, Saxe and Ganguli, "Get rich quick: exact solutions reveal how
unbalanced initializations promote rapid feature learning" (NeurIPS 2024, arXiv:2406.06158).

``exact`` solves the gradient flow in closed form for whitened inputs; ``function_space_flow``
integrates it for any data; ``limit`` computes where it ends and whether Theorem 3.1 applies.
``conserved``, ``preconditioner``, ``kernel``, ``kernel_distance`` and ``speeds`` are the formulas
of the function-space view. ``regime`` says whether training is lazy, rich or delayed rich.

Every flow is θ' = −∇L. Functions that take data use the mean loss L = |y − Xβ|²/(2n) of the rest of
the package; the paper has the sum |y − Xβ|²/2, whose times are the ones here divided by n.

Read `_formulas` first, then `_exact`, `_flow`, `_limit` and `_regime`, in this order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._tools.lazy import lazily

if TYPE_CHECKING:
    from saddles.neuron._exact import Trajectory, exact
    from saddles.neuron._flow import function_space_flow
    from saddles.neuron._formulas import (
        Speeds,
        conserved,
        kernel,
        kernel_distance,
        preconditioner,
        speeds,
    )
    from saddles.neuron._limit import Exclusion, Limit, limit
    from saddles.neuron._regime import Regime, regime

#: Public name -> the module that holds it.
_HOMES = {
    "Exclusion": "saddles.neuron._limit",
    "Limit": "saddles.neuron._limit",
    "Regime": "saddles.neuron._regime",
    "Speeds": "saddles.neuron._formulas",
    "Trajectory": "saddles.neuron._exact",
    "conserved": "saddles.neuron._formulas",
    "exact": "saddles.neuron._exact",
    "function_space_flow": "saddles.neuron._flow",
    "kernel": "saddles.neuron._formulas",
    "kernel_distance": "saddles.neuron._formulas",
    "limit": "saddles.neuron._limit",
    "preconditioner": "saddles.neuron._formulas",
    "regime": "saddles.neuron._regime",
    "speeds": "saddles.neuron._formulas",
}

__all__ = [
    "Exclusion",
    "Limit",
    "Regime",
    "Speeds",
    "Trajectory",
    "conserved",
    "exact",
    "function_space_flow",
    "kernel",
    "kernel_distance",
    "limit",
    "preconditioner",
    "regime",
    "speeds",
]

__getattr__, __dir__ = lazily(__name__, _HOMES)
