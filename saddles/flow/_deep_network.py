"""The flow of a deep diagonal network in one scalar per coordinate, in units of order one.

With q of `_scalars`, whose β is α^D V(q) and which moves by dq/dS = R(q),

    dq_i/dt = α^{D−2} R_i(q_i) g_i,   g = Xᵀ(y − Xβ)/n.

===============  =====================================================================
code name        symbol
===============  =====================================================================
``rows``         A = XᵀU/a, shape (d, r), and the rest of `Reduced`
``gain``         α^D a/c, so that β = gain · V in units of c/a
``log_width``    log of the time that a jump takes, in scaled time: (D − 2)/D log(gain)
``q``            q, shape (d,); its time is (a c/n) α^{D−2} t
===============  =====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from saddles._numerics.ends import Outlook
from saddles._numerics.precision import CUT_EXPONENT, EPS, ULPS
from saddles._numerics.stepping import Tolerances
from saddles._problems.regression import Regression
from saddles.flow._reduced import Reduced, reduced
from saddles.flow._scalars import Scalars
from saddles.typing import Array, Mask

__all__ = ["DeepNetwork"]


@dataclass(frozen=True, eq=False)
class DeepNetwork(Reduced):
    """The flow in units in which features, targets and first gradient are of order one."""

    scalars: Scalars
    log_gain: float

    @classmethod
    def of(cls, problem: Regression, log_alpha: float, scalars: Scalars) -> DeepNetwork | None:
        """Reduce the problem to the range of X; None if y is orthogonal to it."""
        data = reduced(problem, EPS * scalars.depth)
        if data is None:
            return None
        parts = {field.name: getattr(data, field.name) for field in fields(data)}
        log_gain = scalars.depth * log_alpha + math.log(data.width) - math.log(data.height)
        return cls(**parts, scalars=scalars, log_gain=log_gain)

    @property
    def pace(self) -> float:
        """Time of this flow that passes in one unit of scaled time, a c/n."""
        return self.height * (self.width / self.n_samples)

    @property
    def log_width(self) -> float:
        """Logarithm of the scaled time that a jump to coefficients of one unit takes."""
        return self.log_gain * (1 - 2 / self.scalars.depth)

    @cached_property
    def gain(self) -> float:
        """α^D a/c."""
        return math.exp(self.log_gain)

    @cached_property
    def _range(self) -> tuple[Array, Array]:
        """Where q is cut below and above (d,): there β is beyond all that it comes to."""
        return self.scalars.limits((CUT_EXPONENT + max(-self.log_gain, 0.0)) / self.scalars.depth)

    @property
    def start(self) -> Array:
        """The first q, shape (d,)."""
        return self.scalars.start

    def tolerances(self, rtol: float) -> Tolerances:
        """Return the absolute error allowed in q, which makes β err by `rtol`."""
        slope = self.gain * float(np.abs(self.scalars.slopes(self.start)[0]).max())
        error = rtol / max(self.scalars.depth, slope)
        return Tolerances(atol=error)

    def _within(self, q: Array) -> Array:
        least, top = self._range
        return np.minimum(np.maximum(q.T, least), top).T

    def left(self, q: Array) -> tuple[Array, Array]:
        """Return what is left of the clocks at q (d, ...) until the boundaries above and below."""
        within = self._within(q)
        above, below = self.scalars.left(within)
        # A weight that acts as zero falls on at a constant rate.
        beyond = np.maximum(within - q, 0.0)
        if beyond.any():
            beyond[beyond > 0] /= np.abs(self.scalars.motion(within)[1])[beyond > 0]
        return above + beyond, below + beyond

    def beta(self, q: Array) -> Array:
        """Return β in units of c/a, of the shape of `q`."""
        return np.asarray(self.gain * self.scalars.motion(self._within(q))[0])

    def residual(self, beta: Array) -> Array:
        """Return w − Aᵀβ, for β (d,) or (d, q) in units of c/a."""
        targets = self.targets if beta.ndim == 1 else self.targets[:, None]
        return np.asarray(targets - self.columns @ beta)

    def velocity(self, _time: float, q: Array) -> Array:
        """Return dp/dt, shape (d,)."""
        value, rate = self.scalars.motion(self._within(q))
        rate *= self.rows @ (self.targets - self.columns @ (self.gain * value))
        return rate

    def jacobian(self, _time: float, q: Array) -> Array:
        """Return its derivative, shape (d, d)."""
        q = self._within(q)
        (value, rate), (slope, bend) = self.scalars.motion(q), self.scalars.slopes(q)
        steep = -(rate[:, None] * self.rows) @ (self.columns * (self.gain * slope))
        bent = rate * bend * (self.rows @ self.residual(self.gain * value))
        steep[np.diag_indices_from(steep)] += bent
        return np.asarray(steep)

    def fall(self, q: Array) -> Array:
        """Return the speed at which the loss falls, in scaled time, at q (d, q)."""
        q = self._within(q)
        (value, rate), (slope, _) = self.scalars.motion(q), self.scalars.slopes(q)
        pull = self.rows @ self.residual(self.gain * value)
        power = np.sum(pull**2 * (self.gain * slope * rate), axis=0)
        return np.asarray(2 * self.loss(self.pace * power))

    @cached_property
    def _may_grow(self) -> tuple[Array, Array]:
        """Which signs of which coordinates are not forbidden, above and below (d,)."""
        above, below = self.left(self.start)
        return np.isfinite(above), np.isfinite(below)

    @cached_property
    def _least(self) -> float:
        """Square of the residual that forbidden signs leave."""
        from scipy.optimize import nnls

        up, down = self._may_grow
        if up.all() and down.all():
            return 0.0
        allowed = np.hstack([self.columns[:, up], -self.columns[:, down]])
        return float(nnls(allowed, self.targets)[1] ** 2)

    def outlook(self, time: float, q: Array, rtol: float, *, last: bool = False) -> Outlook:
        """Return what could still happen from q (d,) at its time; of the last one, when.

        What still moves is a gradient that exceeds its error, and that may move its coordinate:
        to a sign that is not forbidden, or back to zero. While more of the loss is left than
        rounding leaves, the flow goes on.
        """
        beta = self.beta(q)
        residual = self.residual(beta)
        rates, square = self.rows @ residual, float(residual @ residual)
        blur = np.abs(self.gain * self.scalars.slopes(self._within(q))[0] * q)
        blur += self.scalars.depth * np.abs(beta)
        rounding = EPS * float(np.linalg.norm(self.lengths * blur))
        error = rtol * self.fastest + ULPS / EPS * rounding
        free = np.where(rates > 0, *self._may_grow) | (np.abs(beta) * self.lengths > error)
        driven = (np.abs(rates) > error * self.lengths) & free
        return Outlook(
            moves=bool(driven.any()),
            left=self.loss(max(square - self._least, 0.0)) + self.beyond,
            whole=self.loss(self.fastest**2) + self.beyond,
            hidden=self.loss(rounding**2) + self.beyond,
            next_jump=self._next_jump(time, q, rates, driven) if last else None,
        )

    def _next_jump(self, time: float, q: Array, rates: Array, driven: Mask) -> float:
        """Return the scaled time at which the first clock would ring."""
        ways = np.where(rates > 0, *self.left(q))[driven]
        waits: Array = ways / np.abs(rates[driven])
        return (time + float(waits.min(initial=math.inf))) / self.pace
