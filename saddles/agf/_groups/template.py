"""What is known of composition from the group and the template alone: powers, bounds, levels.

Every neuron of the largest utility sees one irrep, through one pair of singular vectors of x̂(ρ) =
Σ_g x[g] ρ(g); so irreps are learnt by their largest singular values, not by their power, and an
irrep with distinct singular values is learnt block by block. Derived for all groups here; Kunin et
al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), Theorem 6.2, have the cyclic ones.

====================  ===================================================================
code name             symbol
====================  ===================================================================
``singular_values``   σ_1 ≥ σ_2 ≥ … of x̂(ρ) over the field of its type, (q,)
``power``             share of ρ in the loss: e q Σσ²/(2n)
``utility_bounds``    U*, the largest utility at unit norm
``blocks``            (i_1, …, i_{k−1}, j): what a neuron of best u, v, w there can remove
====================  ===================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools.record import Record
from saddles.agf._groups.bounds import earliest, largest_utilities
from saddles.groups import Group, Irrep
from saddles.typing import Array, Indices

__all__ = ["NO_POWER", "TIED", "GroupBlocks", "GroupTemplate"]

#: A Fourier coefficient, or a singular value, below this share of the largest is rounding.
NO_POWER = 1e-12
#: Utilities that differ by less than this share are equal up to rounding.
TIED = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GroupBlocks(Record):
    """Parts of the target, each learnt by neurons of its own, in the order of their utilities.

    Attributes
    ----------
    irrep : ndarray of int, shape (m,)
        Number of the irrep, as in ``group.irreps``.
    left : ndarray of int, shape (m, k − 1)
        Singular vectors i_1, …, i_{k−1}, from 0, between one input and the next.
    right : ndarray of int, shape (m,)
        Singular vector j of the output.
    utility : ndarray of shape (m,)
        Largest utility of a unit neuron in that block, while nothing is learnt.
    power : ndarray of shape (m,)
        What learning it takes from the loss.
    """

    irrep: Indices
    left: Indices
    right: Indices
    utility: Array
    power: Array


@dataclass(frozen=True, eq=False, repr=False)
class GroupTemplate(Record):
    """A group and the encoding of its identity, whose shifts encode the other elements.

    Parameters
    ----------
    group : Group
        The group, of n elements.
    template : ndarray of shape (n,)
        x.
    k : int
        Number of factors.
    """

    group: Group
    template: Array
    k: int = 2

    def __post_init__(self) -> None:
        if not isinstance(self.group, Group):
            raise TypeError(
                f"group={checks.show(self.group)} must be a saddles.groups.Group; make one with "
                "saddles.groups.Group(table), or by name, as saddles.groups.dihedral(3)."
            )
        k = checks.whole_number(self.k, "k", least=2)
        x = checks.real_array(self.template, "template", 1).copy()
        if len(x) != self.group.order:
            raise ValueError(
                f"template={checks.show(x)} has length {len(x)}; {self.group.name} has "
                f"{self.group.order} elements, and a template has an entry for each."
            )
        if np.ptp(x) <= NO_POWER * np.abs(x).max():
            raise ValueError(
                f"template={checks.show(x)} is constant: no irrep except the trivial one has "
                "power, and there is nothing to learn; pass a template whose entries differ."
            )
        checks.moderate(x, "template", k + 2).setflags(write=False)
        object.__setattr__(self, "template", x)
        object.__setattr__(self, "k", k)

    @property
    def irreps(self) -> tuple[Irrep, ...]:
        """Irreps of the group, as ``group.irreps``; everything per irrep is in this order."""
        return self.group.irreps

    @cached_property
    def singular_values(self) -> tuple[Array, ...]:
        """Singular values of x̂(ρ), falling, (q,) for each irrep; zero where they are rounding.

        Those of the quaternionic type come in pairs, and each pair counts once.
        """
        found = [
            np.linalg.svd(matrix, compute_uv=False)[:: irrep.dim // irrep.size]
            for matrix, irrep in zip(self.group.fourier(self.template), self.irreps, strict=True)
        ]
        least = NO_POWER * max(values[0] for values in found)
        return tuple(np.where(values > least, values, 0.0) for values in found)

    @cached_property
    def power(self) -> Array:
        """Loss that each irrep contributes, (m,): they sum to L(0)."""
        shares = [
            irrep.field_dim * irrep.size * float(values @ values)
            for irrep, values in zip(self.irreps, self.singular_values, strict=True)
        ]
        return np.array(shares) / (2 * self.group.order)

    @cached_property
    def utility_bounds(self) -> Array:
        """Largest utility at unit norm, per irrep, while none is learnt; (m,).

        With σ the largest singular value of x̂(ρ), k = 2 and templates of mean zero it is
        2σ³/(√27 n^{3/2} √d_R): the operator norm counts, not the power. Beside a mean, u and v are
        in ρ, and w is partly constant: 2σ² sqrt((Σx)² + σ²/d_R)/(√27 n^{3/2}); constant neurons
        reach 4|Σx|³/(√27 n^{3/2}). For k > 2, templates must have mean zero.
        """
        sigma = np.array([values[0] for values in self.singular_values])
        return largest_utilities(sigma, self._real_dims, self.group.order, self.k)

    @cached_property
    def blocks(self) -> GroupBlocks:
        """The blocks that can be learnt, by falling utility.

        An irrep has q^(k−1)·q of them, fewer if x̂(ρ) is singular. A neuron in block (i, j) of one
        that k = 2 has the utility 2σ_iσ_j²/(√27 n^{3/2} √d_R), beside a mean a larger one, and its
        power is e σ_j²/(2n).
        """
        rows = [row for number in range(len(self.irreps)) for row in self._blocks_of(number)]
        utility = np.array([row[3] for row in rows])
        order = np.argsort(-utility, kind="stable")
        irrep, left, right, _, power = (list(column) for column in zip(*rows, strict=True))
        return GroupBlocks(
            irrep=np.array(irrep)[order],
            left=np.array(left)[order].reshape(len(rows), self.k - 1),
            right=np.array(right)[order],
            utility=utility[order],
            power=np.array(power)[order],
        )

    @property
    def ties(self) -> bool:
        """Whether several irreps have the largest utility, so that none is sure to be first."""
        bounds = np.sort(self.utility_bounds)[::-1]
        return bool(bounds[1] >= (1 - TIED) * bounds[0])

    @cached_property
    def unlearnable(self) -> Array:
        """Power of each irrep that no neurons can ever learn, (m,): where x̂(ρ) is singular.

        If r of its q singular values are not zero, that is a share of 1 − (r/q)^(k−1).
        """
        seen = [np.count_nonzero(values) / len(values) for values in self.singular_values]
        return self.power * (1 - np.array(seen) ** (self.k - 1))

    @property
    def floor(self) -> float:
        """The loss that no neurons can remove: all that is `unlearnable`."""
        return float(self.unlearnable.sum())

    @cached_property
    def learnable(self) -> Indices:
        """Numbers of the irreps with power, by falling `utility_bounds`."""
        bounds = self.utility_bounds
        order = np.argsort(-bounds, kind="stable")
        return np.asarray(order[bounds[order] > 0])

    def plateaus(self, by: str = "block") -> Array:
        """Return the losses that remain, from L(0) on, as part after part of the target is learnt.

        A path need not rest at each of them: active neurons of a block may leave its level at once,
        to learn a part of the next one.

        Parameters
        ----------
        by : {"block", "irrep"}
            One level for each utility of `blocks`, which are learnt together if they tie; or one
            for each of the `learnable` irreps.

        Returns
        -------
        ndarray of shape (levels + 1,)
            The last one is the loss that nothing can remove, 0 unless `unlearnable`.

        Raises
        ------
        TypeError, ValueError
            If `by` is something else.
        """
        if checks.one_of(by, "by", ("block", "irrep")) == "irrep":
            parts = (self.power - self.unlearnable)[self.learnable]
        else:
            utility = self.blocks.utility
            last = np.append(utility[1:] < (1 - TIED) * utility[:-1], True)
            parts = np.diff(np.cumsum(self.blocks.power)[last], prepend=0.0)
        return np.append(np.cumsum(parts[::-1])[::-1], 0.0) + self.floor

    def time_bounds(self, *, log_alpha: float = -math.inf, norm: float = 1.0) -> Array:
        """Return, per irrep, the earliest scaled time at which a neuron of it activates, (m,).

        That is (`norm`^{1−k} − α^{k−1})/((k² − 1) U*) for initial norms α · `norm`, log α =
        `log_alpha` and U* of `utility_bounds`, in scaled time t α^{k−1}: attained by a neuron that
        starts along a best direction. It bounds the first jump, by its least entry; for later ones,
        whose neurons may have grown along other irreps before, it is a guide only. Infinite for
        irreps without power.
        """
        return earliest(self.utility_bounds, log_alpha, norm, self.k)

    @cached_property
    def _real_dims(self) -> Array:
        return np.array([float(irrep.real_dim) for irrep in self.irreps])

    def _blocks_of(self, number: int) -> list[tuple[Any, ...]]:
        """Return number, left, right, utility and power of the blocks of one irrep."""
        irrep, k, n = self.irreps[number], self.k, self.group.order
        sigma = self.singular_values[number]
        sigma = sigma[sigma > 0]
        found = []
        for *left, right in np.ndindex(*(len(sigma),) * k):
            if number == 0:
                utility = float(self.utility_bounds[0])
            else:
                utility = self._block_utility(sigma[left], float(sigma[right]), irrep)
            power = irrep.field_dim * irrep.size ** (2 - k) * float(sigma[right]) ** 2 / (2 * n)
            found.append((number, left, right, utility, power))
        return found

    def _block_utility(self, left: Array, right: float, irrep: Irrep) -> float:
        """Return the largest utility of a unit neuron in a block, whose w may be partly constant.

        For k = 2, |u|² = 2A/3 and |v|² = 2(1 − A)/3 give the root of a quadratic function of A.
        """
        k, n, mean = self.k, self.group.order, float(self.singular_values[0][0])
        if not mean:
            own = math.factorial(k) * float(np.prod(left)) * right**2
            shared = ((k + 1) * n) ** ((k + 1) / 2) * irrep.real_dim ** ((k - 1) / 2)
            return own / float(shared)
        a, b = mean * float(left[0]) ** 2, mean * right**2
        c = 4 * float(left[0]) ** 2 * right**4 / irrep.real_dim
        # (aA + b(1 − A))² + cA(1 − A) over 0 ≤ A ≤ 1, its three coefficients.
        bend, tilt = (a - b) ** 2 - c, 2 * b * (a - b) + c
        best = [0.0, 1.0]
        if bend < 0:
            best.append(min(max(-tilt / (2 * bend), 0.0), 1.0))
        top = max(bend * A * A + tilt * A + b * b for A in best)
        return 2 * math.sqrt(top) / math.sqrt(27 * n**3)
