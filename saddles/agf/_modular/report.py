"""What a path of modular addition learnt: a row per neuron that rang, a row per frequency.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 6 and Theorem 6.2.

==================  ============================================================
code name           symbol
==================  ============================================================
``frequency``       ξ, that of the neuron as it activates
``mismatch``        s_u + s_v − s_w − s_x there, zero at the largest utility
``bound``           Û*_k, the largest utility at unit norm
``plateau``         loss once frequency k and all of a larger bound are learnt
==================  ============================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles.agf._groups.report import JumpReport, rings
from saddles.agf._modular.modes import read_modes
from saddles.agf._modular.template import Template
from saddles.typing import Array

__all__ = ["ModularReport", "report"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ModularReport(JumpReport):
    """Neurons of a path of modular addition as they activate, and what was predicted.

    Attributes
    ----------
    jump : ndarray of int, shape (R,)
        The jump at which a neuron rang, from 1; neurons that tie have a row each.
    neuron : ndarray of int, shape (R,)
        The neuron, a row of the initial weights.
    frequency : ndarray of int, shape (R,)
        Its frequency as it activates.
    share : ndarray of shape (R,)
        Share of that frequency in the neuron's power.
    mismatch : ndarray of shape (R,)
        s_u + s_v − s_w − s_x there, in (−π, π]: zero where its utility is largest.
    time : ndarray of shape (R,)
        Scaled time t α.
    loss : ndarray of shape (R,)
        Loss of the saddle that the jump leads to.
    learnable : ndarray of int, shape (m,)
        The frequencies with power, by falling ``bound``.
    bound : ndarray of shape (m,)
        Their largest utilities at unit norm, while none is learnt (Theorem 6.2).
    earliest : ndarray of shape (m,)
        Scaled times before which no neuron of unit initial norm over α activates along them; a
        guide only after the first jump.
    plateau : ndarray of shape (m,)
        The loss that remains once this frequency and those before it are learnt.
    ties : bool
        Whether several frequencies have the largest bound, so that none is sure to be first.
    """

    jump: Any
    neuron: Any
    frequency: Any
    share: Array
    mismatch: Array
    time: Array
    loss: Array
    learnable: Any
    bound: Array
    earliest: Array
    plateau: Array
    ties: bool


def report(known: Template, path: Any) -> ModularReport:
    """Return the report of a path of this network; see `ModularAddition.report`."""
    directions, jump = rings(path, known.template, known.size, "3p", "p", "modular_addition")
    modes, count = read_modes(known, directions), len(jump)
    learnable = known.frequencies
    return ModularReport(
        jump=jump,
        neuron=np.concatenate(path.rang),
        frequency=modes.frequency[:count],
        share=modes.share[:count],
        mismatch=modes.mismatch[:count],
        time=path.times[jump],
        loss=path.losses[jump],
        learnable=learnable,
        bound=known.utility_bounds[learnable],
        earliest=known.time_bounds(log_alpha=path.log_alpha)[learnable],
        plateau=known.plateaus[1:],
        ties=known.ties,
    )
