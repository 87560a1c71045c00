"""Neurons of composition by irreps: the one of most power, its share, and its rank.

==================  ============================================================
code name           symbol
==================  ============================================================
``share``           share of the irrep in |θ|², (H,)
``rank``            Σ|û|_F²/Σ|û|_op² over the field of its type, (H,)
==================  ============================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddles import checks
from saddles._tools.record import Record
from saddles.groups import Group
from saddles.typing import Array, ArrayLike, Indices

__all__ = ["GroupModes", "read_modes"]


@dataclass(frozen=True, eq=False, repr=False)
class GroupModes(Record):
    """Neurons by irreps, as `GroupComposition.modes` reads them.

    Attributes
    ----------
    irrep : ndarray of int, shape (H,)
        The irrep with the most power in u_1, …, u_k and w together.
    share : ndarray of shape (H,)
        Its share of the neuron's power.
    rank : ndarray of shape (H,)
        Effective rank there: the sum of all squared singular values of its matrices over that of
        the largest ones. It is 1 for neurons of the largest utility, q at most.
    """

    irrep: Indices
    share: Array
    rank: Array


def read_modes(group: Group, theta: ArrayLike, inputs: int) -> GroupModes:
    """Return the dominant irrep, its share and its rank, of neurons `theta` (H, (k+1)n)."""
    rows = checks.real_array(theta, "theta", 2)
    size = (inputs + 1) * group.order
    if rows.shape[1] != size:
        raise ValueError(
            f"theta={checks.show(rows)} has {rows.shape[1]} columns; a neuron has (k+1)n = {size} "
            "weights."
        )
    rows = checks.neurons(rows, "theta", size)
    rows = rows / np.abs(rows).max(axis=1, keepdims=True)  # so that no square underflows
    parts = rows.reshape(len(rows), inputs + 1, group.order)
    powers, ranks = [], []
    for irrep in group.irreps:
        seen = np.tensordot(parts, irrep.matrices, 1)
        sizes = np.sum(np.abs(seen) ** 2, axis=(2, 3))
        powers.append(irrep.dim * (1 + (irrep.kind == "complex")) * sizes.sum(axis=1))
        most = np.sum(np.linalg.norm(seen, 2, axis=(2, 3)) ** 2, axis=1)
        pairs = irrep.dim // irrep.size
        ranks.append(sizes.sum(axis=1) / np.maximum(pairs * most, np.finfo(float).tiny))
    power, count = np.array(powers).T, np.arange(len(rows))
    irrep = power.argmax(axis=1)
    return GroupModes(
        irrep=irrep,
        share=power[count, irrep] / power.sum(axis=1),
        rank=np.array(ranks).T[count, irrep],
    )
