"""What is known of modular addition from the template alone: spectrum, powers, bounds, levels.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 6 and Theorem 6.2: the
utility of a neuron is largest along a cosine wave of one frequency, and each frequency takes its
power from the loss.

==================  =====================================================================
code name           symbol
==================  =====================================================================
``template``        x, the encoding of the number 0, (p,)
``spectrum``        x̂_k = Σ_c x[c] e^{−2πikc/p}, unnormalised, (p,) complex
``power``           share of frequency k in the loss: |x̂_k|²/(2p), both signs together
``utility_bounds``  Û*_k, the largest utility at unit norm of waves k beside a constant w
==================  =====================================================================
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
from saddles.agf._groups.template import NO_POWER, TIED
from saddles.typing import Array

__all__ = ["Template"]


@dataclass(frozen=True, eq=False, repr=False)
class Template(Record):
    """The encoding of the number 0, whose shifts encode the others, and what follows from it.

    Parameters
    ----------
    template : ndarray of shape (p,)
        It.
    """

    template: Array

    def __post_init__(self) -> None:
        x = checks.real_array(self.template, "template", 1).copy()
        if x.size < 3:
            raise ValueError(
                f"template={checks.show(x)} has length p={x.size}; addition mod p needs p >= 3, "
                "so that there is a frequency with a phase: pass a longer template."
            )
        if np.ptp(x) <= NO_POWER * np.abs(x).max():
            raise ValueError(
                f"template={checks.show(x)} is constant: no frequency except 0 has power, and "
                "there is nothing to learn; pass a template whose entries differ."
            )
        checks.moderate(x, "template", 4).setflags(write=False)
        object.__setattr__(self, "template", x)

    @property
    def period(self) -> int:
        """Modulus p."""
        return int(self.template.size)

    @property
    def size(self) -> int:
        """Number of parameters of a neuron, 3p."""
        return 3 * self.period

    @cached_property
    def spectrum(self) -> Any:
        """Discrete Fourier transform x̂ of the template, (p,) complex."""
        return np.fft.fft(self.template)

    @cached_property
    def _amplitudes(self) -> Array:
        """|x̂_k|, zero where it is rounding, (p//2 + 1,)."""
        sizes = np.abs(self.spectrum[: self.period // 2 + 1])
        return np.asarray(np.where(sizes > NO_POWER * sizes.max(), sizes, 0.0))

    @cached_property
    def frequencies(self) -> Any:
        """Frequencies 0 to p/2 with power, (m,), by falling `utility_bounds`."""
        bounds = self.utility_bounds
        order = np.argsort(-bounds, kind="stable")
        return order[bounds[order] > 0]

    @cached_property
    def power(self) -> Array:
        """Loss that each frequency k = 0 … p//2 contributes, (p//2 + 1,): they sum to L(0)."""
        both = np.full(self.period // 2 + 1, 2.0)
        both[0] = 1.0
        if self.period % 2 == 0:
            both[-1] = 1.0
        return np.asarray(both * np.abs(self.spectrum[: both.size]) ** 2 / (2 * self.period))

    @cached_property
    def utility_bounds(self) -> Array:
        """Largest utility at unit norm, per frequency, while none is learnt; (p//2 + 1,).

        2 |x̂_k|² sqrt(x̂_0² + |x̂_k|²/d) / (√27 p^{3/2}), d = 1 at the Nyquist frequency k = p/2 and
        2 at the others: u and v are waves, w is a wave plus a constant, if the template has a mean
        x̂_0/p. At k = 0 it is 4 |x̂_0|³ / (√27 p^{3/2}), that of constant neurons. The paper's
        √(2p) |x̂|³ is for templates without a mean, u, v, w of unit norm each, and sums over the
        pairs: it is p² √27 times this.
        """
        sizes = self._amplitudes
        dimensions = np.full(sizes.size, 2.0)
        if self.period % 2 == 0:
            dimensions[-1] = 1.0
        return largest_utilities(sizes, dimensions, self.period, 2)

    @property
    def ties(self) -> bool:
        """Whether several frequencies have the same largest utility, so that none is dominant."""
        bounds = np.sort(self.utility_bounds)[::-1]
        return bool(bounds[1] >= (1 - TIED) * bounds[0])

    @property
    def plateaus(self) -> Array:
        """Power that remains (m + 1,) once the first 0, 1, …, m of `frequencies` are learnt."""
        learnt = np.concatenate([[0.0], np.cumsum(self.power[self.frequencies])])
        return np.asarray(np.maximum(self.power.sum() - learnt, 0.0))

    def time_bounds(self, *, log_alpha: float = -math.inf, norm: float = 1.0) -> Array:
        """Return, per frequency 0 … p//2, the earliest scaled time at which its neuron activates.

        That is (1/`norm` − α) / (3 U*) for initial norms α · `norm`, log α = `log_alpha` and U* of
        `utility_bounds`: attained by a neuron that starts along the best direction. It bounds the
        first jump, by its least entry; for later ones, whose neurons may have grown along other
        frequencies before, it is a guide only. Infinite for frequencies without power.
        """
        return earliest(self.utility_bounds, log_alpha, norm, 2)
