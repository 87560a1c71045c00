"""The dual flow of a diagonal network, in units in which all of it is of order one.

Read `mirror` first, which says what the dual point is, and why it is integrated.

===============  =====================================================================
code name        symbol
===============  =====================================================================
``rows``         A = XᵀU/a, shape (d, r), and the rest of `Reduced`
``dual``         a Uᵀρ, shape (r,), so that s = A·dual; its time is (a c/n) t
``over``         |s| − e; one unit in the data's own scale is reached at the edge e
``edge``         e = log(1/α) + log(4c/a)/2, so that (α²/4) e^{2|s|} = (c/a) e^{2·over}
``clocks``       s, shape (d,)
===============  =====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from saddles._numerics.ends import Outlook
from saddles._numerics.precision import CUT_EXPONENT, EPS, ULPS
from saddles._numerics.stepping import Tolerances, before_jump
from saddles._problems.regression import Regression
from saddles.flow._reduced import Reduced, reduced
from saddles.typing import Array, Indices

__all__ = ["Network"]

#: From this edge on, exponents are taken relative to it, and the integrator may leave out
#: e^{−2(|s|+e)}: it is below e^{−2e} = 4e-44, and the velocity of order one.
ONE_SIDED_EDGE = 50.0

#: From this many features on, those with coefficients below `UNFELT` units, which rounding would
#: lose, are left out of sums. At small α few others are left, and the Jacobian has a low rank.
WIDE, UNFELT = 200, EPS**2

#: Exponents of the gain are cut here: targets 1e-300 times the features' size go no further.
LARGEST_EXPONENT = 690.0

#: A step in which no clock moves by more than this needs no horizon: exponents are not cut where it
#: lands, so that the method sees what it does.
SHORT = 10.0


@dataclass(frozen=True, eq=False)
class Network(Reduced):
    """The dual flow in units in which features, targets and first velocity are of order one."""

    edge: float
    scale: float
    """log(1/α)."""

    @classmethod
    def of(cls, problem: Regression, log_alpha: float) -> Network | None:
        """Reduce the problem to the range of X; None if y is orthogonal to it.

        The rest of ρ merely drifts. Where s is of size log(1/α), β is known to eps log(1/α).
        """
        data = reduced(problem, EPS * -log_alpha)
        if data is None:
            return None
        parts = {field.name: getattr(data, field.name) for field in fields(data)}
        edge = 0.5 * (math.log(4) + math.log(data.height) - math.log(data.width)) - log_alpha
        return cls(**parts, edge=edge, scale=-log_alpha)

    @property
    def pace(self) -> float:
        """Dual time that passes in one unit of scaled time, (a c/n) log(1/α)."""
        return self.height * (self.width / self.n_samples) * self.scale

    @property
    def gain(self) -> float:
        """2e^{−2e}, so that β = gain · sinh 2s in units of c/a: large if α² dwarfs the data."""
        return 2 * math.exp(min(-2 * self.edge, LARGEST_EXPONENT))

    @property
    def start(self) -> Array:
        """The first dual point, shape (r,)."""
        return np.zeros(self.targets.size)

    def tolerances(self, rtol: float) -> Tolerances:
        """Return the absolute error allowed in s, which makes β err by 2 `rtol`.

        Where |β| is one unit, s is at asinh(1/gain)/2 and dβ/ds = 2 hypot(1, gain).
        """
        reach = self.edge if self.edge > ONE_SIDED_EDGE else math.asinh(1 / self.gain) / 2
        error = max(rtol / math.hypot(1, self.gain), ULPS * reach)
        return Tolerances(atol=error, horizon=self.horizon, stride=SHORT / self.fastest)

    def _doubled_over(self, clocks: Array) -> Array:
        over: Array = np.abs(clocks)
        over -= self.edge
        np.minimum(over, CUT_EXPONENT, out=over)
        over *= 2.0
        return over

    def _doubled(self, clocks: Array) -> Array:
        largest = max(self.edge, 0.0) + CUT_EXPONENT
        return np.asarray(2 * np.clip(clocks, -largest, largest))

    def beta(self, clocks: Array) -> Array:
        """Return β in units of c/a, of the shape of `clocks`."""
        if self.edge <= ONE_SIDED_EDGE:
            return np.asarray(self.gain * np.sinh(self._doubled(clocks)))
        over = self._doubled_over(clocks)
        return np.asarray(np.copysign(np.exp(over) - np.exp(-over - 4 * self.edge), clocks))

    def norms(self, clocks: Array) -> Array:
        """Return |θ_i|² = dβ_i/ds_i in units of c/a, of the shape of `clocks`."""
        if self.edge <= ONE_SIDED_EDGE:
            return np.asarray(2 * self.gain * np.cosh(self._doubled(clocks)))
        over = self._doubled_over(clocks)
        return np.asarray(2 * (np.exp(over) + np.exp(-over - 4 * self.edge)))

    def velocity(self, _time: float, dual: Array) -> Array:
        """Return d(dual)/dt = w − Aᵀβ, shape (r,)."""
        clocks = self.rows.dot(dual)
        if self.edge <= ONE_SIDED_EDGE:
            beta = self.beta(clocks)
        else:
            beta = self._doubled_over(clocks)
            np.exp(beta, out=beta)
            np.copysign(beta, clocks, out=beta)
        felt = self._felt(beta)
        if felt is None:
            fit: Array = self.columns.dot(beta)
            return np.subtract(self.targets, fit, out=fit)
        return np.asarray(self.targets - beta[felt] @ self.rows[felt])

    def jacobian(self, _time: float, dual: Array) -> Array:
        """Return −Aᵀ diag(dβ/ds) A, shape (r, r)."""
        norms = self.norms(self.rows @ dual)
        felt = self._felt(norms)
        if felt is None:
            return np.asarray(-(self.columns * norms) @ self.rows)
        return np.asarray(-(self.rows[felt].T * norms[felt]) @ self.rows[felt])

    def _felt(self, weights: Array) -> Indices | None:
        """Return the features whose `weights` (d,) a sum over all would feel; None for all."""
        if weights.size < WIDE:
            return None
        felt = np.flatnonzero(np.abs(weights) > UNFELT)
        return felt if 2 * felt.size < weights.size else None

    def horizon(self, time: float, dual: Array) -> float:
        """Return the time beyond which no step should go from a dual point (r,)."""
        clocks, rates = self.rows @ dual, self.rows @ self.velocity(time, dual)
        ahead = np.copysign(clocks, clocks * rates) - self.edge
        return before_jump(time, ahead, np.abs(rates))

    def outlook(self, time: float, dual: Array, rtol: float, *, last: bool = False) -> Outlook:
        """Return what could still happen from a dual point (r,) at its time; of the last one, when.

        Every feature counts by its correlation |x_i·r| / (|x_i| |U Uᵀy|), so that a late jump of a
        feature of small scale is not taken for the end. What is left of the loss is exactly
        |w − Aᵀβ|²/2: where it is more than rounding leaves of Aᵀβ, the flow goes on.
        """
        clocks = self.rows @ dual
        beta = self.beta(clocks)
        velocity = self.targets - self.columns @ beta
        spread = float(np.linalg.norm(self.lengths * beta))
        rounding = EPS * (1 + float(np.abs(clocks).max())) * spread
        size = float(np.linalg.norm(self.targets))
        rates = self.rows @ velocity
        driven = np.abs(rates) > (rtol * size + ULPS / EPS * rounding) * self.lengths
        ways = self.edge - np.copysign(clocks, clocks * rates)
        waits = ways[driven & (ways > 0)] / np.abs(rates[driven & (ways > 0)])
        return Outlook(
            moves=bool(driven.any()),
            left=self.loss(float(velocity @ velocity)) + self.beyond,
            whole=self.loss(size**2) + self.beyond,
            hidden=self.loss(rounding**2) + self.beyond,
            next_jump=(time + float(waits.min(initial=math.inf))) / self.pace if last else None,
        )
