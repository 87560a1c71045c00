"""Gradient flows: what every integrator returns.

A `Flow` knows nothing about coordinates. Whatever depends on them sits behind a `Curve`: the point
in function space, the loss and its slope at any scaled time, and how well a conservation law holds
along the computed trajectory. Jumps, crossings and time conversions follow from those alone.

==================  ===================================================================
code name           symbol
==================  ===================================================================
``tau``             τ, scaled time: t / log(1/α) for κ = 2, t α^(κ−2) for κ > 2
``kappa``           κ, the degree of homogeneity
``log_alpha``       log α, the logarithm of the initial scale
``point(tau)``      β(τ), the function-space point
``loss(tau)``       L(β(τ))
``loss_rate(tau)``  dL/dτ ≤ 0
==================  ===================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.precision import EPS
from saddles._pictures.staircase import Followed, draw_followed, grid, last
from saddles._result.curves import points_as_curves
from saddles._result.jumps import Jumps, Search
from saddles._result.remaining import UNKNOWN, Remaining
from saddles._result.scaled_time import physical_times, unit_of_time
from saddles._result.trajectory import Curve, Plain, Stretched, Ticking
from saddles._tools.record import Record, same
from saddles._tools.tables import as_html
from saddles.status import Status
from saddles.typing import Array, ArrayLike

__all__ = ["Flow", "Jumps", "followed"]

#: Levels of the loss at which a picture looks at each jump.
LEVELS_PER_JUMP = 12


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Flow(Record):
    """Gradient flow from an initial scale, at any time: where training has ended, it rests.

    Attributes
    ----------
    algorithm : str
        Name of the function that integrated it.
    source : str
        Paper and equation of the coordinates.
    log_alpha : float
        Logarithm of the initial scale.
    kappa : int
        Degree of homogeneity, which sets the unit of time.
    times : ndarray of shape (m,)
        Scaled times of the integrator's steps, from 0.
    curve : Curve
        The trajectory between them.
    status : Status
        Why the integration ended.
    remaining : Remaining
        What would happen after the end: the loss still to fall, and the next jump.
    kind : {"coefficients", "outputs", "template"}
        What the function-space points consist of.

    Examples
    --------
    >>> import saddles
    >>> flow = saddles.flow.diagonal([[1.0, 0.0], [0.0, 1.0]], [2.0, 1.0], log_alpha=-1e4)
    >>> flow.at(1.5).round(6) + 0.0
    array([2., 0.])
    >>> flow.jumps().times.round(2)
    array([1., 2.])
    """

    algorithm: str
    source: str
    log_alpha: float
    kappa: int
    times: Array
    curve: Curve = field(compare=False)
    status: Status
    remaining: Remaining = UNKNOWN
    kind: str = "coefficients"

    @property
    def until(self) -> float:
        """Last scaled time."""
        return float(self.times[-1])

    @property
    def message(self) -> str:
        """What happened and what to do about it."""
        return self.status.sentence

    @property
    def success(self) -> bool:
        """True if everything returned is right and as asked for."""
        return self.status.success

    @cached_property
    def conservation(self) -> float:
        """Largest violation of the conservation law along the trajectory (see the curve)."""
        return self.curve.conservation()

    def __eq__(self, other: object) -> bool:
        """Return whether both are the same flow: the same steps, and the same points there."""
        alike = super().__eq__(other)
        if alike is not True or not isinstance(other, Flow):
            return alike
        ours, theirs = self.curve, other.curve
        return same(ours.loss(self.times), theirs.loss(self.times)) and same(
            ours.point(self.times), theirs.point(self.times)
        )

    __hash__ = Record.__hash__

    def __repr__(self) -> str:
        return (
            f"<Flow {self.algorithm}, log_alpha={self.log_alpha:g}: {len(self.times) - 1} steps "
            f"to tau={self.until:.6g}, {self.status.value}>"
        )

    def _repr_html_(self) -> str:
        found = self.jumps()
        rows = list(zip(range(len(found) + 1), [0.0, *found.times], found.losses, strict=True))
        return as_html(
            repr(self).strip("<>"),
            ("jump", "time", "loss after it"),
            rows,
            picture=self.plot,
            below="" if self.status.finished else self.message,
        )

    def at(self, tau: ArrayLike) -> Array:
        """Return beta at scaled time `tau`.

        Parameters
        ----------
        tau : float or array_like of shape (q,)
            Scaled times from 0 on, in any order; up to `until` only, if training had not ended.

        Returns
        -------
        ndarray
            Of the shape of one beta, or (q, ...) for an array of times.

        Raises
        ------
        ValueError
            If a time is not finite, negative, or after the end of the integration.
        """
        taus, scalar = self._checked(tau)
        points = _read(self.curve.point, taus)
        return np.asarray(points[0] if scalar else points)

    def loss(self, tau: ArrayLike) -> Any:
        """Return the loss at scaled time `tau`: a float, or (q,) for an array of times."""
        taus, scalar = self._checked(tau)
        losses = _read(self.curve.loss, taus)
        return float(losses[0]) if scalar else losses

    def loss_rate(self, tau: ArrayLike) -> Any:
        """Return dL/dτ at scaled time `tau`, from its formula: a float, or (q,)."""
        taus, scalar = self._checked(tau)
        rates = np.where(self._rests(tau), 0.0, _read(self.curve.loss_rate, taus))
        return float(rates[0]) if scalar else rates

    def clocks(self, tau: ArrayLike) -> Array:
        """Return the clocks S of a diagonal network at scaled time `tau`.

        S_i = ∫ x_i·r/n dt / log(1/α): the coefficient is exponentially small in log(1/α) while S_i
        is between −1 and 1, and grows or falls within O(1/log(1/α)) of a boundary.

        Parameters
        ----------
        tau : float or array_like of shape (q,)
            Scaled times from 0 on, in any order; up to `until` only, if training had not ended.

        Returns
        -------
        ndarray
            Shape (d,), or (q, d) for an array of times.

        Raises
        ------
        TypeError
            If it is no flow of a diagonal network.
        ValueError
            If a time is not finite, negative, or after the end of the integration.

        Examples
        --------
        >>> import saddles
        >>> flow = saddles.flow.diagonal([[1.0, 0.0], [0.0, 1.0]], [2.0, 1.0], log_alpha=-1e4)
        >>> flow.clocks([0.5, 1.5]).round(3).tolist()
        [[0.5, 0.25], [1.0, 0.75]]
        """
        if not isinstance(self.curve, Ticking):
            raise TypeError(f"{self!r} has no clocks; flows of saddles.flow.diagonal have.")
        taus, scalar = self._checked(tau)
        clocks = _read(self.curve.clocks, taus)
        return np.asarray(clocks[0] if scalar else clocks)

    def plot(self, *, names: list[str] | None = None) -> Any:
        """Draw the loss, the coefficients (or singular values) and the clocks, if it has them.

        Parameters
        ----------
        names : list of str, optional
            Names of the d features, where the points are vectors.

        Returns
        -------
        matplotlib.figure.Figure
            A plain figure: show it in a notebook, or ``savefig`` it.
        """
        found = self.jumps()
        times = np.append(0.0, found.times)
        end = last(times) if len(found) else self.until
        flow = followed(self, end, found.times, kind="gradient flow", names=names)
        return draw_followed(flow, times, found.losses, unit_of_time(self.kappa))

    def physical_times(self, tau: ArrayLike) -> Array:
        """Return scaled times `tau` in the time of the gradient flow θ' = −∇L."""
        return physical_times(tau, log_alpha=self.log_alpha, kappa=self.kappa)

    def crossing_times(self, levels: ArrayLike) -> Array:
        """Return the scaled times at which the loss falls through each level.

        Parameters
        ----------
        levels : array_like of shape (k,)
            Values of the loss, in any order.

        Returns
        -------
        ndarray of shape (k,)
            NaN where the flow starts below the level, or ends above it.

        Raises
        ------
        ValueError
            If a level is NaN.
        """
        wanted = np.atleast_1d(checks.numbers(levels, "levels").astype(np.float64))
        if np.isnan(wanted).any():
            raise ValueError(f"levels={checks.show(levels)} holds NaN; pass values of the loss.")
        return np.array([self._crossing(float(level)) for level in wanted])

    def jumps(self) -> Jumps:
        """Find the jumps from the trajectory alone.

        A jump is a peak of −dL/dτ with a plateau on either side: a time at which the loss falls
        slower by a factor of at least 1e3. Its time is where the loss is halfway
        between the two plateaus. Jumps that the initial scale is too large to separate count as
        one. A peak whose drop is below 1e-12 of the whole, or within which the loss rises
        by as much, is rounding and not listed: so is a jump that is as small, although the flow
        makes it. ``at`` shows it.

        Returns
        -------
        Jumps
            Times (J,) and plateau losses (J + 1,); a jump that `until` cuts short is left out.
        """
        losses = Search(self._along, self._step_losses, self.until).plateaus()
        return Jumps(self.crossing_times((losses[:-1] + losses[1:]) / 2), losses)

    def _checked(self, tau: ArrayLike) -> tuple[Array, bool]:
        """Return times (q,) on the curve, the last one for those at which training rests there."""
        taus = checks.numbers(tau, "tau").astype(np.float64)
        if taus.ndim > 1:
            raise ValueError(
                f"tau={checks.show(taus)} has shape {taus.shape}; pass one time, or times (q,)."
            )
        bad = ~((taus >= 0) & (np.isfinite(taus) if self.status.finished else taus <= self.until))
        if bad.any():
            wrong = float(np.atleast_1d(taus)[np.atleast_1d(bad)][0])
            if self.status.finished:
                raise ValueError(
                    f"tau={wrong!r} is not in [0, inf), the scaled times that this flow covers (it "
                    f"rests from {self.until!r} on); ask within them."
                )
            raise ValueError(
                f"tau={wrong!r} is not in [0, {self.until!r}], the scaled times that this flow "
                f"covers ({self.status.value}); ask within them, or integrate with a larger until."
            )
        return np.atleast_1d(np.minimum(taus, self.until)), taus.ndim == 0

    def _rests(self, tau: ArrayLike) -> Any:
        """Whether training has ended before `tau`, (q,)."""
        return np.atleast_1d(np.asarray(tau, dtype=float) > self.until)

    @cached_property
    def _along(self) -> Stretched:
        """The curve over the parameter in which its jumps are resolved."""
        return self.curve if isinstance(self.curve, Stretched) else Plain(self.curve, self.times)

    @cached_property
    def _step_losses(self) -> Array:
        """Loss at every step (m,), made monotone: rounding may lift it by an ulp."""
        return np.minimum.accumulate(self._along.losses_at(self._along.knots))

    def _crossing(self, level: float) -> float:
        from scipy.optimize import brentq

        losses = self._step_losses
        if level > losses[0] or level < losses[-1]:
            return math.nan
        step = int(np.argmax(losses <= level))
        if step == 0:
            return 0.0

        along = self._along

        def excess(s: float) -> float:
            return float(along.losses_at(np.array([s]))[0]) - level

        left, right = float(along.knots[step - 1]), float(along.knots[step])
        if not excess(left) > 0 > excess(right):
            return float(self.times[step])
        # The absolute tolerance of brentq must not act: a jump lasts 1/log(1/α) only.
        root = float(brentq(excess, left, right, xtol=1e-300, rtol=4 * EPS))
        return float(along.times_at(np.array([root]))[0])


def _read(curve: Callable[[Array], Array], taus: Array) -> Array:
    """Return what a curve gives at times (q,), of which there may be none."""
    return curve(taus) if taus.size else curve(np.zeros(1))[:0]


def followed(
    flow: Any, end: float, jumps: Array, *, kind: str, names: list[str] | None = None
) -> Followed:
    """Return what is drawn of a flow, or of what can stand where one is compared.

    Parameters
    ----------
    flow : Flow or Run
        It.
    end : float
        The last scaled time, if it goes so far.
    jumps : ndarray of shape (J,)
        Jumps that the times should show.
    kind : str
        What it is called.
    names : list of str, optional
        Names of the d features.
    """
    rests = isinstance(flow, Flow) and flow.status.finished
    end = end if rests else min(end, flow.until)
    known = _within_jumps(flow) if isinstance(flow, Flow) else flow.times
    times = grid(end, jumps, known)
    # Training that has ended rests where it is.
    reached = np.minimum(times, flow.until)
    points, ticks = flow.at(reached), isinstance(flow, Flow) and isinstance(flow.curve, Ticking)
    return Followed(
        times=times,
        losses=flow.loss(reached),
        curves=None if np.isnan(points).all() else points_as_curves(points, names, flow.kind),
        clocks=flow.clocks(reached) if ticks else None,
        label=f"{kind}, log α = {flow.log_alpha:g}",
    )


def _within_jumps(flow: Flow) -> Array:
    """Return times at which the loss falls through levels of each jump.

    They show a jump however short it is, and do not depend on the integrator's steps.
    """
    shares = (np.arange(LEVELS_PER_JUMP) + 0.5) / LEVELS_PER_JUMP  # on a plateau none is crossed
    levels = [a + (b - a) * shares for a, b in pairwise(flow.jumps().losses)]
    times = flow.crossing_times(np.concatenate(levels)) if levels else np.zeros(0)
    return np.asarray(times[np.isfinite(times)])
