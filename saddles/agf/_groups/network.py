"""Neurons that learn products in any finite group: the network, and how to read its paths.

Marchetti et al., "Sequential Group Composition" (2026, arXiv:2602.03655), pose the task; Kunin et
al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 6, have the cyclic group.
`Composition` has losses and gradients, `GroupTemplate` what follows from the template alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from saddles.agf._engine.subspace import span
from saddles.agf._groups.composition import Composition
from saddles.agf._groups.modes import GroupModes, read_modes
from saddles.agf._groups.picture import plot_parts
from saddles.agf._groups.report import GroupReport, report
from saddles.agf._groups.template import GroupTemplate
from saddles.agf._groups.waves import Waves, waves_of
from saddles.typing import Array, ArrayLike, Indices

if TYPE_CHECKING:
    from saddles._result.flow import Flow
    from saddles._result.path import SaddlePath
    from saddles.agf._engine.steps import NeuronPath

__all__ = ["GroupComposition"]


@dataclass(frozen=True, eq=False, repr=False)
class GroupComposition(GroupTemplate, Composition):
    """Network of neurons that learns products g_1⋯g_k in a finite group from encoded elements.

    A neuron θ = (u_1, …, u_k, w) computes (Σ_a u_a·L_{g_a}x)^k w; L_g x encodes g, and its entry
    at h is x[g⁻¹h]. It is a `saddles.homogeneous.HomogeneousNetwork` of degree k + 1 with (k + 1)n
    parameters per neuron; a gradient costs O(H²n + Hn²). With k = 2 and a cyclic group it is
    `ModularAddition`.

    Parameters
    ----------
    group : Group
        The group, of n elements; see `saddles.groups`.
    template : array_like of shape (n,)
        The encoding x of the identity; its shifts encode the others. It is used as it is: its mean
        is not removed.
    k : int
        Number of factors, at least 2.

    Raises
    ------
    TypeError, ValueError
        If `group` is no group, or the template is not as long as the group, is not finite, is
        constant, or has entries whose powers overflow or underflow.

    Examples
    --------
    >>> import numpy as np, saddles
    >>> group = saddles.groups.symmetric(3)
    >>> x = 6 * group.project(np.eye(6)[0], 1) + 5 * group.project(np.eye(6)[0], 2)
    >>> network = saddles.agf.GroupComposition(group, x)
    >>> (network.power / network.power.sum()).round(6).tolist(), network.learnable.tolist()
    ([0.0, 0.264706, 0.735294], [1, 2])
    """

    def modes(self, theta: ArrayLike) -> GroupModes:
        """Return the dominant irrep, its share and its rank, of neurons `theta` (H, (k+1)n)."""
        return read_modes(self.group, theta, self.k)

    def report(self, path: NeuronPath) -> GroupReport:
        """Return neuron, irrep, rank and time of each jump, and what was predicted.

        Parameters
        ----------
        path : NeuronPath
            A path of this network.

        Returns
        -------
        GroupReport
            A row per neuron that rang, and a row per irrep that can be learnt.

        Raises
        ------
        ValueError
            If the path is none of neurons with (k + 1)n weights.

        Examples
        --------
        >>> import numpy as np, saddles
        >>> group = saddles.groups.cyclic(7)
        >>> network = saddles.agf.GroupComposition(group, np.cos(2 * np.pi * np.arange(7) / 7))
        >>> found = network.report(saddles.agf.group_composition(group, network, width=1))
        >>> found.irrep.tolist(), found.rank.round(9).tolist()
        ([1], [1.0])
        """
        return report(self, path)

    def plot(self, path: SaddlePath, *, flow: Flow | None = None) -> Any:
        """Draw the staircase of the loss, and how much of each irrep is learnt.

        Parameters
        ----------
        path : SaddlePath
            A path of this network, with at least one jump.
        flow : Flow, optional
            A gradient flow of this network from the same neurons, drawn too.

        Returns
        -------
        matplotlib.figure.Figure
            A plain figure: show it in a notebook, or ``savefig`` it.

        Raises
        ------
        ValueError
            If the path has no jump, or its points are not templates of this group.
        """
        names = {
            int(i): f"irrep {i}: {self.irreps[i].dim}-dim, {self.irreps[i].kind}"
            for i in self.learnable
        }
        parts = {name: self._learnt(i) for i, name in names.items()}
        return plot_parts(path, flow, self.plateaus(), parts, "irrep", self.group.order)

    def _learnt(self, number: int) -> Callable[[Array], Array]:
        """Return the map from templates (m, n) to the share (m,) of an irrep that they hold."""
        group, whole = self.group, self.power[number]
        return lambda points: np.array([group.power(x)[number] for x in points]) / whole

    @property
    def _inputs(self) -> int:
        return self.k

    @property
    def _table(self) -> Indices:
        return self.group.table

    @cached_property
    def _divide(self) -> Indices:
        return np.asarray(self.group.table[self.group.inverse])

    @cached_property
    def _mean(self) -> float:
        return float(self.template.mean()) if self.singular_values[0][0] else 0.0

    @cached_property
    def _waves(self) -> list[Waves]:
        powered = [
            (irrep.matrices, 1 + (irrep.kind == "complex"))
            for irrep, values in zip(self.irreps[1:], self.singular_values[1:], strict=True)
            if values[0] > 0
        ]
        return waves_of(self.template, powered, self.k)

    @cached_property
    def _functions(self) -> Array:
        n = self.group.order
        entries = [irrep.matrices.reshape(n, -1) for irrep in self.irreps[1:]]
        parts = [span(np.hstack([e.real, e.imag]).T) for e in entries]
        return np.hstack([np.full((n, 1), n**-0.5), *parts])
