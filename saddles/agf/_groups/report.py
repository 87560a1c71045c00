"""What a path of composition learnt: a row per neuron that rang, a row per irrep.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 6 and Theorem 6.2, have
the cyclic group.

==================  ============================================================
code name           symbol
==================  ============================================================
``irrep``           ρ, that of the neuron as it activates
``bound``           U*, the largest utility at unit norm
``plateau``         loss once ρ and all of a larger bound are learnt
==================  ============================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools.extras import extra
from saddles._tools.record import Record
from saddles.agf._engine.setting import NeuronPath
from saddles.agf._groups.modes import read_modes
from saddles.agf._groups.template import GroupTemplate
from saddles.typing import Array, Indices

__all__ = ["GroupReport", "JumpReport", "report", "rings"]


class JumpReport(Record):
    """A report whose first fields, ``jump`` to ``loss``, have an entry per neuron that rang."""

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one row per neuron that rang (needs pandas)."""
        pd = extra("pandas", "to_frame", "plot")
        names = list(self.__dataclass_fields__)  # type: ignore[attr-defined]
        each = names[: names.index("loss") + 1]
        return pd.DataFrame({name: getattr(self, name) for name in each}).set_index("jump")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GroupReport(JumpReport):
    """Neurons of a path of composition as they activate, and what was predicted.

    Attributes
    ----------
    jump : ndarray of int, shape (R,)
        The jump at which a neuron rang, from 1; neurons that tie have a row each.
    neuron : ndarray of int, shape (R,)
        The neuron, a row of the initial weights.
    irrep : ndarray of int, shape (R,)
        Its irrep as it activates, as in ``group.irreps``.
    share : ndarray of shape (R,)
        Share of that irrep in the neuron's power.
    rank : ndarray of shape (R,)
        Its effective rank there: 1 where its utility is largest.
    time : ndarray of shape (R,)
        Scaled time t α^(k−1).
    loss : ndarray of shape (R,)
        Loss of the saddle that the jump leads to.
    learnable : ndarray of int, shape (m,)
        The irreps with power, by falling ``bound``.
    bound : ndarray of shape (m,)
        Their largest utilities at unit norm, while none is learnt.
    earliest : ndarray of shape (m,)
        Scaled times before which no neuron of unit initial norm over α activates along them; a
        guide only after the first jump.
    plateau : ndarray of shape (m,)
        The loss that remains once this irrep and those before it are learnt.
    unlearnable : float
        Loss that no neurons can ever remove: above zero where x̂(ρ) of an irrep is singular.
    ties : bool
        Whether several irreps have the largest bound, so that none is sure to be first.
    """

    jump: Indices
    neuron: Indices
    irrep: Indices
    share: Array
    rank: Array
    time: Array
    loss: Array
    learnable: Indices
    bound: Array
    earliest: Array
    plateau: Array
    unlearnable: float
    ties: bool


def report(known: GroupTemplate, path: Any) -> GroupReport:
    """Return the report of a path of this network; see `GroupComposition.report`."""
    size = (known.k + 1) * known.group.order
    directions, jump = rings(path, known.template, size, "(k+1)n", "n", "group_composition")
    modes, count = read_modes(known.group, directions, known.k), len(jump)
    learnable = known.learnable
    return GroupReport(
        jump=jump,
        neuron=np.concatenate(path.rang),
        irrep=modes.irrep[:count],
        share=modes.share[:count],
        rank=modes.rank[:count],
        time=path.times[jump],
        loss=path.losses[jump],
        learnable=learnable,
        bound=known.utility_bounds[learnable],
        earliest=known.time_bounds(log_alpha=path.log_alpha)[learnable],
        plateau=known.plateaus(by="irrep")[1:],
        unlearnable=known.floor,
        ties=known.ties,
    )


def rings(
    path: Any, template: Array, size: int, weights: str, letter: str, source: str
) -> tuple[Array, Indices]:
    """Return the directions of neurons that rang on a path, and the number of the jump of each.

    A path without jumps has no neurons to read: its directions are those of one.

    Raises
    ------
    ValueError
        If the path is none of neurons of this size, with templates of this length as its points.
    """
    rows = [d for d in getattr(path, "directions", ()) if len(d)]
    fits = isinstance(path, NeuronPath) and np.shape(path.betas[0]) == template.shape
    if not fits or any(d.shape[1] != size for d in rows):
        raise ValueError(
            f"path={checks.show(path)} must be a path of neurons with {weights} = {size} weights, "
            f"and templates of length {letter} = {len(template)} as its points; pass what "
            f"{source} returned for this template."
        )
    jump = np.repeat(np.arange(len(path)), [len(units) for units in path.rang])
    return np.vstack(rows) if rows else np.ones((1, size)), jump
