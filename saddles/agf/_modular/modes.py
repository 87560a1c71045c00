"""Neurons of modular addition as waves: their frequencies and phases.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), Theorem 6.2: neurons of the
largest utility are cosine waves of one frequency, with phases s_u + s_v = s_w + s_x.

==================  =====================================================================
code name           symbol
==================  =====================================================================
``waves``           û_k, v̂_k, ŵ_k, (H, 3, p//2 + 1)
``phases``          s_u, s_v, s_w, (H, 3)
``mismatch``        s_u + s_v − s_w − s_x, (H,)
==================  =====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools.record import Record
from saddles.agf._modular.template import Template
from saddles.typing import Array, ArrayLike

__all__ = ["Modes", "read_modes"]


@dataclass(frozen=True, eq=False, repr=False)
class Modes(Record):
    """Neurons as waves, as `ModularAddition.modes` reads them.

    Attributes
    ----------
    frequency : ndarray of int, shape (H,)
        Frequency 0 … p//2 with the most power in u, v and w together.
    share : ndarray of shape (H,)
        Its share of the neuron's power.
    phases : ndarray of shape (H, 3)
        Phases s_u, s_v, s_w of û, v̂ and ŵ there.
    mismatch : ndarray of shape (H,)
        s_u + s_v − s_w − s_x, in (−π, π]: zero for neurons of the largest utility.
    """

    frequency: Any
    share: Array
    phases: Array
    mismatch: Array


def read_modes(known: Template, theta: ArrayLike) -> Modes:
    """Return the dominant frequency, its share and its phases, of neurons `theta` (H, 3p)."""
    rows = checks.real_array(theta, "theta", 2)
    if rows.shape[1] != known.size:
        raise ValueError(
            f"theta={checks.show(rows)} has {rows.shape[1]} columns; a neuron has 3p = "
            f"{known.size} weights."
        )
    waves = np.fft.rfft(rows.reshape(len(rows), 3, known.period))
    both = np.full(waves.shape[2], 2.0)
    both[0] = 1.0
    if known.period % 2 == 0:
        both[-1] = 1.0
    power = both * np.sum(np.abs(waves) ** 2, axis=1)
    frequency = power.argmax(axis=1)
    count = np.arange(len(rows))
    phases = np.angle(waves[count, :, frequency])
    mismatch = phases[:, 0] + phases[:, 1] - phases[:, 2]
    mismatch = mismatch - np.angle(known.spectrum[frequency])
    return Modes(
        frequency=frequency,
        share=power[count, frequency] / power.sum(axis=1),
        phases=phases,
        mismatch=np.angle(np.exp(1j * mismatch)),
    )
