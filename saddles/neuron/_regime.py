"""Lazy, rich or delayed rich: the regime of a single linear neuron and its time scales.

Kunin et al., "Get rich quick" (NeurIPS 2024, arXiv:2406.06158), Section 3. The norm of β moves with
the factor s = sqrt(δ² + 4|β|²), its direction with (s + δ)/(2|β|):

=============  ==============  ============  =============
factor         δ ≪ 0           δ = 0         δ ≫ 0
=============  ==============  ============  =============
radial         |δ|, fast       2|β|          δ, fast
directional    |β|/|δ|, slow   1             δ/|β|, fast
=============  ==============  ============  =============

Both δ and |θ₀|² are compared with 2B, B = |β*|, which is what a² + |w|² is at a balanced minimum.

==============  ===============================================================
code name       symbol
==============  ===============================================================
``imbalance``   δ/(2B)
``delay``       time near a saddle a = 0, w·β* = 0 before the drop
==============  ===============================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saddles import checks
from saddles._tools.record import Record
from saddles.neuron._exact import Trajectory, from_point
from saddles.neuron._formulas import directional_factor, squares
from saddles.typing import ArrayLike

__all__ = ["Regime", "regime"]

#: δ, or the initial a² + |w|², counts as far from 2B if it differs by this factor.
FAR_APART = 2.0

_SENTENCES = {
    "lazy": "The kernel hardly moves.",
    "rich": "A start near the saddle at the origin: first align, then fit.",
    "delayed rich": "First the norm, then a plateau and a slow turn.",
    "intermediate": "Neither imbalance nor initial norm is far from the solution's.",
}


@dataclass(frozen=True, eq=False, repr=False)
class Regime(Record):
    """Regime and time scales of one initialisation.

    Attributes
    ----------
    name : str
        'lazy', 'rich', 'delayed rich' or 'intermediate'.
    imbalance : float
        ``delta / (2 |beta_star|)``.
    radial, directional : tuple of float
        Factors s and (s + delta)/(2 |beta|) of the two speeds, at beta0 and at beta_star;
        the directional factor at beta0 = 0 is NaN for ``delta = 0``, else its limit.
    rates : tuple of float
        Rates, 1 / time, at which norm and direction settle at the end.
    delay : float
        Time of the flow θ' = −∇L spent near a saddle, until half of the saddle's loss
        ``|beta_star|² / 2`` is left. 0 without a plateau, inf if the flow ends at the saddle.
    """

    name: str
    imbalance: float
    radial: tuple[float, float]
    directional: tuple[float, float]
    rates: tuple[float, float]
    delay: float

    @property
    def message(self) -> str:
        """The name in a sentence."""
        return _SENTENCES[self.name]

    def __str__(self) -> str:
        rows = [
            f"{self.name} (delta / 2|beta*| = {self.imbalance:.3g}): {self.message}",
            f"{'':16}{'at beta0':>12}{'at beta*':>12}{'final rate':>12}",
            f"{'radial':16}{self.radial[0]:12.4g}{self.radial[1]:12.4g}{self.rates[0]:12.4g}",
            f"{'directional':16}{self.directional[0]:12.4g}{self.directional[1]:12.4g}"
            f"{self.rates[1]:12.4g}",
        ]
        return "\n".join(rows)


def regime(delta: float, *, beta0: ArrayLike, beta_star: ArrayLike) -> Regime:
    """Tell lazy from rich from delayed rich learning, with the time scales behind the name.

    Loss and times are those of `neuron.exact`: whitened inputs and the loss |β − β*|²/2.

    - 'lazy': delta above ``2 * FAR_APART * |beta_star|``; or below minus that with a w that already
      points at beta_star, so that there is no turn to be delayed;
    - 'delayed rich': delta below ``-2 * FAR_APART * |beta_star|``, and a plateau near a saddle;
    - 'rich': a² + |w|² starts below ``2 |beta_star| / FAR_APART``;
    - 'intermediate': everything between.

    Parameters
    ----------
    delta : float
        Conserved quantity a² − |w|².
    beta0 : array_like of shape (d,)
        Initial point a * w; not zero if `delta` is negative.
    beta_star : array_like of shape (d,)
        Where the loss is least, not zero.

    Returns
    -------
    Regime
        Name, factors and rates; printing it shows the table.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy.

    Examples
    --------
    >>> from saddles import neuron
    >>> print(neuron.regime(-20.0, beta0=[0.0, 0.1], beta_star=[1.0, 0.0]))
    delayed rich (delta / 2|beta*| = -10): First the norm, then a plateau and a slow turn.
                        at beta0    at beta*  final rate
    radial                    20        20.1        20.1
    directional            0.005     0.04988     0.04988
    """
    target = checks.real_array(beta_star, "beta_star", 1)
    start = checks.per_feature(beta0, "beta0", target.shape[0])
    delta = checks.finite_number(delta, "delta")
    size, norm = float(np.linalg.norm(target)), float(np.linalg.norm(start))
    if size == 0:
        raise ValueError("beta_star is zero: nothing is learnt, so there is no regime.")
    if norm == 0 and delta < 0:
        raise ValueError(
            f"beta0 is zero and delta={delta!r} negative, so w has no direction; start elsewhere."
        )
    flow = from_point(target, start, delta)
    final = squares(size, delta)
    return Regime(
        name=_name(delta, math.hypot(delta, 2 * norm), 2 * size, flow),
        imbalance=delta / (2 * size),
        radial=(math.hypot(delta, 2 * norm), sum(final)),
        directional=(_factor(norm, delta), _factor(size, delta)),
        rates=(sum(final), final[0]),
        delay=flow.delay,
    )


def _name(delta: float, start: float, end: float, flow: Trajectory) -> str:
    """Return the name from δ, the initial a² + |w|², and 2|β*|."""
    if delta >= FAR_APART * end:
        return "lazy"
    if delta <= -FAR_APART * end:
        return "delayed rich" if flow.delay > 0 else "lazy"
    return "rich" if start <= end / FAR_APART else "intermediate"


def _factor(norm: float, delta: float) -> float:
    if norm == 0:
        return math.inf if delta > 0 else math.nan
    return directional_factor(norm, delta)
