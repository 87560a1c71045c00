"""Quadratic neurons on modular addition: composition in the cyclic group, with waves for irreps.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 6. The inputs are the
shifted templates R_a x and R_b x, (R_a x)[c] = x[c − a], of all p² pairs (a, b); the target is
R_{a+b} x; a neuron θ = (u, v, w) computes f(a, b) = (u·R_a x + v·R_b x)² w, so κ = 3. The loss is
L = ½ E|R_{a+b} x − Σ_i f_i(a, b)|², E the mean over pairs, |·|² the sum over the p outputs.
`Composition` computes it, as for every group; what follows from the template alone is said by
`Template`. The irreps are known: e^{−2πika/p}, so that x̂ is the discrete Fourier transform.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from saddles.agf._groups.composition import Composition
from saddles.agf._groups.picture import plot_parts
from saddles.agf._groups.waves import Waves
from saddles.agf._modular.modes import Modes, read_modes
from saddles.agf._modular.report import ModularReport, report
from saddles.agf._modular.template import Template
from saddles.typing import Array, ArrayLike, Indices

if TYPE_CHECKING:
    from saddles._result.flow import Flow
    from saddles._result.path import SaddlePath
    from saddles.agf._engine.steps import NeuronPath

__all__ = ["ModularAddition"]


@dataclass(frozen=True, eq=False, repr=False)
class ModularAddition(Template, Composition):
    """Network of quadratic neurons that learns a + b mod p, with templates for inputs and outputs.

    It is a `saddles.homogeneous.HomogeneousNetwork` of degree 3 with 3p parameters per neuron,
    (u, v, w) one after the other; a gradient costs O(H²p + Hp log p).

    Parameters
    ----------
    template : array_like of shape (p,)
        The encoding x of the number 0; its shifts encode the others. It is used as it is: its mean
        is not removed.

    Raises
    ------
    TypeError, ValueError
        If the template is shorter than 3, is not finite, has no power besides its mean, or has
        entries whose powers overflow or underflow.

    Examples
    --------
    >>> import numpy as np, saddles
    >>> network = saddles.agf.ModularAddition(np.cos(2 * np.pi * np.arange(7) / 7))
    >>> network.frequencies.tolist(), round(network.loss(np.zeros((0, 21))), 12)
    ([1], 1.75)
    """

    def modes(self, theta: ArrayLike) -> Modes:
        """Return the dominant frequency, its share and its phases, of neurons `theta` (H, 3p)."""
        return read_modes(self, theta)

    def report(self, path: NeuronPath) -> ModularReport:
        """Return neuron, frequency, phases and time of each jump, and what was predicted.

        Parameters
        ----------
        path : NeuronPath
            A path of this network.

        Returns
        -------
        ModularReport
            A row per neuron that rang, and a row per frequency.

        Raises
        ------
        ValueError
            If the path is none of neurons with 3p weights.

        Examples
        --------
        >>> import numpy as np, saddles
        >>> network = saddles.agf.ModularAddition(np.cos(2 * np.pi * np.arange(7) / 7))
        >>> found = network.report(saddles.agf.modular_addition(network, width=1))
        >>> found.frequency.tolist(), abs(found.mismatch.round(6)).tolist()
        ([1], [0.0])
        """
        return report(self, path)

    def plot(self, path: SaddlePath, *, flow: Flow | None = None) -> Any:
        """Draw the staircase of the loss, and how much of each frequency is learnt.

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
            If the path has no jump, or its points are not templates of this period.
        """
        parts = {f"frequency {k}": self._learnt(int(k)) for k in self.frequencies}
        return plot_parts(path, flow, self.plateaus, parts, "frequency", self.period)

    def _learnt(self, k: int) -> Callable[[Array], Array]:
        """Return the map from templates (m, p) to the share (m,) of frequency k that they hold."""
        return lambda points: np.abs(np.fft.fft(points)[:, k] / self.spectrum[k]) ** 2

    @property
    def _inputs(self) -> int:
        return 2

    @cached_property
    def _table(self) -> Indices:
        return np.asarray(
            np.add.outer(np.arange(self.period), np.arange(self.period)) % self.period
        )

    @cached_property
    def _divide(self) -> Indices:
        c = np.arange(self.period)
        return np.asarray((c - c[:, None]) % self.period)

    @cached_property
    def _mean(self) -> float:
        return float(self.template.mean()) if self._amplitudes[0] else 0.0

    @cached_property
    def _waves(self) -> list[Waves]:
        powered = 1 + np.flatnonzero(self._amplitudes[1:])
        angles = np.outer(powered, np.arange(self.period)) % self.period
        matrices = np.exp(-2j * np.pi / self.period * angles)[:, :, None, None]
        both = np.where(2 * powered == self.period, 1.0, 2.0)
        return [Waves.of(self.template, matrices, both, self._inputs)]

    @cached_property
    def _functions(self) -> Array:
        p = self.period
        angles = 2 * np.pi / p * (np.outer(np.arange(p), np.arange(1, p // 2 + 1)) % p)
        both = np.stack([np.cos(angles), np.sin(angles)], axis=2).reshape(p, -1)[:, : p - 1]
        waves = np.hstack([np.ones((p, 1)), both])
        return np.asarray(waves / np.linalg.norm(waves, axis=0))
