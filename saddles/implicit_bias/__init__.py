"""Implicit bias: the functions that gradient flow minimises among all solutions of X beta = y.

Single neuron: Kunin, Raventós, Dominé, Chen, Klindt, Saxe and Ganguli, "Get rich quick" (NeurIPS
2024, arXiv:2406.06158), Theorem 3.1, which extends Azulay et al., "On the implicit bias of
initialization shape" (ICML 2021, arXiv:2102.09769). Diagonal network: Woodworth et al., "Kernel and
rich regimes in overparametrized models" (COLT 2020, arXiv:2002.09277).

=======================  ===========================================================
``potential``            Ψ_δ(β), with ``gradient``; ``conjugate`` Ψ*_δ(z), with
                         ``conjugate_gradient``
``single_neuron``        argmin of Ψ_δ(β) − ψ_δ β̂₀·β subject to Xβ = y, in closed form
``hyperbolic_entropy``   Q_α(β), scaled so that it tends to |β|₁
``diagonal``             argmin of Q_α subject to Xβ = y, where a diagonal network ends
``l1``                   a minimiser of |β|₁ subject to Xβ = y, and whether it is the only one
``program``              any of these minimisations as a convex program, to be constrained further
=======================  ===========================================================

Each minimiser is a ``Minimizer``: the point, and the numbers that certify it. Where X beta = y has
no solution they raise; ``X @ numpy.linalg.lstsq(X, y)[0]`` instead of y asks for the
least-squares analogue. No time enters, so mean and sum loss are the same here.

Read `_minimizer` first, then the three minimisations, one module each: `_l1`, `_diagonal` and
`_single_neuron`. `_convex` poses them for cvxpy, and `_program` hands that out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._tools.lazy import lazily

if TYPE_CHECKING:
    from saddles.implicit_bias._convex import Program
    from saddles.implicit_bias._diagonal import diagonal, hyperbolic_entropy
    from saddles.implicit_bias._l1 import l1
    from saddles.implicit_bias._minimizer import Minimizer
    from saddles.implicit_bias._program import program
    from saddles.implicit_bias._single_neuron import (
        conjugate,
        conjugate_gradient,
        gradient,
        potential,
        single_neuron,
    )

#: Public name -> the module that holds it.
_HOMES = {
    "Minimizer": "saddles.implicit_bias._minimizer",
    "Program": "saddles.implicit_bias._convex",
    "conjugate": "saddles.implicit_bias._single_neuron",
    "conjugate_gradient": "saddles.implicit_bias._single_neuron",
    "diagonal": "saddles.implicit_bias._diagonal",
    "gradient": "saddles.implicit_bias._single_neuron",
    "hyperbolic_entropy": "saddles.implicit_bias._diagonal",
    "l1": "saddles.implicit_bias._l1",
    "potential": "saddles.implicit_bias._single_neuron",
    "program": "saddles.implicit_bias._program",
    "single_neuron": "saddles.implicit_bias._single_neuron",
}

__all__ = [
    "Minimizer",
    "Program",
    "conjugate",
    "conjugate_gradient",
    "diagonal",
    "gradient",
    "hyperbolic_entropy",
    "l1",
    "potential",
    "program",
    "single_neuron",
]

__getattr__, __dir__ = lazily(__name__, _HOMES)
