"""Exact gradient flow of the single linear neuron on whitened inputs, for every initialisation.

Kunin et al., "Get rich quick" (NeurIPS 2024, arXiv:2406.06158), solve norm and angle as a
Bernoulli and a Riccati equation, case by case in the sign of δ. One expression serves all:
z = (a, w) obeys z' = F z − ½|z|² z with a constant symmetric F = [[δ/2, β*ᵀ], [β*, −(δ/2) I]], so
that z(t) = e^{Ft} z₀ / sqrt(1 + ∫₀ᵗ |e^{Fs} z₀|² ds). F has the eigenvalues ±K/2 in the plane of a
and β*, and −δ/2 on the rest of w. Dividing through by e^{Kt/2} leaves decaying exponentials only,

    a = A/D,    w = (P h + Q)/D,    E = e^{−Kt},
    A = a₀ E + c₊ cosχ (1 − E),
    P = p₀ E + c₊ sinχ (1 − E),
    D² = E + (c₊² + E c₋²) J(K, t) + |q|² × (E J(δ, t), or e^{−gt} J(|δ|, t) if δ < 0),
    Q = q × (e^{−(K+δ)t/2}, or e^{−gt/2} if δ < 0),

so that nothing overflows, and nothing divides by δ. All of them are multiplied by e^σ and e^{2σ}
where c₊ is so small that E and c₊² would both underflow before the flow leaves the saddle.

==============  ====================================================================
code name       symbol
==============  ====================================================================
``target``      h = β*/|β*| (any unit vector if β* = 0);  ``size`` B = |β*|
``along``       p₀ = w₀·h;  ``across`` q = w₀ − p₀ h
``rate``        K = sqrt(δ² + 4B²), the fast rate;  ``gap`` g = 4B²/(K + |δ|), the slow one
``cos``         cosχ = sqrt((K + δ)/(2K));  ``sin`` sinχ = sqrt((K − δ)/(2K))
``growing``     c₊ = a₀ cosχ + p₀ sinχ;  ``shrinking`` c₋ = p₀ cosχ − a₀ sinχ
``lift``        σ
``_integral``   J(k, t) = ∫₀ᵗ e^{−ks} ds
==============  ====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import brentq

from saddles import checks
from saddles._numerics.precision import EPS
from saddles._tools.record import Record
from saddles.neuron._start import Start
from saddles.typing import Array, ArrayLike

__all__ = ["Trajectory", "exact", "from_point"]

#: A part of w₀ across β* that is smaller than this, relative to w₀, is rounding.
STRAIGHT = 8 * EPS

#: Logarithm of numbers whose squares are far from underflow.
SMALL = -300.0

#: Share of the end's escape part, squared, from which on half of the drop is behind the flow.
HALF = 0.5


def exact(beta_star: ArrayLike, a0: float, w0: ArrayLike) -> Trajectory:
    """Gradient flow of f(x) = a w·x on whitened inputs, in closed form.

    The loss is ``|beta - beta_star|² / 2`` plus a constant: the package's mean loss if X'X/n = I,
    or the paper's sum loss if X'X = I. (With the mean loss and X'X = I, all times are n times
    those here.)

    Parameters
    ----------
    beta_star : array_like of shape (d,)
        Where the loss is least: X'y/n for the mean loss, X'y for the sum.
    a0 : float
        Initial output weight.
    w0 : array_like of shape (d,)
        Initial input weights.

    Returns
    -------
    Trajectory
        A function of time from 0 to infinity.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy.

    Examples
    --------
    >>> from saddles import neuron
    >>> flow = neuron.exact([2.0, 0.0], 1.0, [0.0, 1.0])
    >>> flow.beta([0.0, 1.0, float("inf")]).round(4) + 0.0
    array([[0.    , 1.    ],
           [1.5466, 0.4264],
           [2.    , 0.    ]])
    >>> flow.delta, round(flow.mu(1.0), 4), round(flow.phi(1.0), 4)
    (0.0, 1.6043, 0.964)
    """
    target = checks.real_array(beta_star, "beta_star", 1)
    a0 = checks.finite_number(a0, "a0")
    return Trajectory(target, a0, checks.per_feature(w0, "w0", target.shape[0]))


def from_point(beta_star: Array, beta0: Array, delta: float) -> Trajectory:
    """Return the flow from a₀ >= 0 and w₀ with a₀ w₀ = β₀, whose δ is the one given, exactly."""
    start = Start.of_point(beta_star, beta0, delta)
    a0 = float(start.output)
    return _FromPoint(beta_star, a0, beta0 / a0 if a0 else beta0, start)


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory(Record):
    """The neuron at any time; `exact` makes it.

    Methods take a time t >= 0, or an array (q,) of times; infinity stands for the limit.

    Attributes
    ----------
    beta_star : ndarray of shape (d,)
        Where the loss is least.
    a0 : float
        Initial output weight.
    w0 : ndarray of shape (d,)
        Initial input weights.
    """

    beta_star: Array
    a0: float
    w0: Array

    @cached_property
    def delta(self) -> float:
        """Conserved quantity a² − |w|²."""
        # A balanced start of large weights cancels here, and δ matters relative to |β*|.
        return float(self._start.delta)

    @cached_property
    def rate(self) -> float:
        """Fast rate K = sqrt(δ² + 4|β*|²): the rate of the norm at the end, 1 / time."""
        return math.hypot(self.delta, 2 * self._size)

    @cached_property
    def gap(self) -> float:
        """Slow rate 4|β*|²/(K + |δ|), at which the direction settles if δ is negative, 1 / time."""
        # 2B <= K, so this order of products neither overflows nor divides by zero needlessly.
        return 2 * self._size * (2 * self._size / (self.rate + abs(self.delta) or 1.0))

    @cached_property
    def growing(self) -> float:
        """Part c₊ of the start along the escape direction; the end of `a` has its sign."""
        return float(self._start.growing)

    @cached_property
    def zero_time(self) -> float:
        """Time t > 0 at which beta passes through zero, by `a` or by w; NaN if it never does."""
        legs = [(self.a0, self.growing * self._cos)]
        if np.linalg.norm(self._across) <= STRAIGHT * np.linalg.norm(self.w0):
            legs.append((self._along, self.growing * self._sin))
        for start, end in legs:
            if start < 0 < end or end < 0 < start:
                # start E + end (1 − E) vanishes at 1/E = 1 − start/end.
                return math.log1p(-start / end) / self.rate
        return math.nan

    @cached_property
    def delay(self) -> float:
        """Time spent near a saddle a = 0, w·β* = 0 before the drop, or 0 without a plateau.

        It ends when half of the saddle's loss |β*|²/2 is left. Infinite for a start from which the
        flow ends at the saddle.
        """
        half = self._size**2 / 4
        if self._size == 0 or self.growing**2 >= HALF * self.rate or self.loss(0.0) <= half:
            return 0.0
        if not self._start.growing:
            return math.inf
        late = 1 / self.rate
        while self.loss(late) > half:
            late *= 2
        return float(brentq(lambda t: self.loss(t) - half, 0.0, late, xtol=EPS / self.rate))

    def at(self, t: ArrayLike) -> tuple[Any, Array]:
        """Return the weights at time `t`.

        Returns
        -------
        a : float or ndarray of shape (q,)
            Output weight.
        w : ndarray of shape (d,) or (q, d)
            Input weights.
        """
        times = checks.times(t, "t")
        a, along, across = self._scaled(np.atleast_1d(times))
        w = along[:, None] * self._target + across[:, None] * self._across
        return (float(a[0]), w[0]) if times.ndim == 0 else (a, w)

    def beta(self, t: ArrayLike) -> Array:
        """Return the function-space point a w at time `t`, shape (d,) or (q, d)."""
        a, w = self.at(t)
        return np.asarray(np.asarray(a)[..., None] * w)

    def mu(self, t: ArrayLike) -> Any:
        """Return the signed norm a |w| at time `t`: a float, or (q,)."""
        a, w = self.at(t)
        mu = a * np.linalg.norm(w, axis=-1)
        return float(mu) if np.ndim(mu) == 0 else mu

    def phi(self, t: ArrayLike) -> Any:
        """Return the cosine of the angle between w and beta_star at time `t`: a float, or (q,).

        NaN where the angle is not defined, that is, if w or beta_star is zero.
        """
        times = checks.times(t, "t")
        _, along, across = self._scaled(np.atleast_1d(times))
        norm = np.hypot(along, across * np.linalg.norm(self._across))
        defined = (norm > 0) & (self._size > 0)
        phi = np.where(defined, along / np.where(defined, norm, 1.0), math.nan)
        return float(phi[0]) if times.ndim == 0 else phi

    def loss(self, t: ArrayLike) -> Any:
        """Return |beta − beta_star|² / 2 at time `t`, above the minimum: a float, or (q,)."""
        loss = np.sum((self.beta(t) - self.beta_star) ** 2, axis=-1) / 2
        return float(loss) if np.ndim(loss) == 0 else loss

    def kernel_distance(self, t: ArrayLike) -> Any:
        """Return the distance of the kernels at 0 and at `t` (`kernel_distance`): float or (q,).

        With whitened inputs it is the distance of the matrices M = a² I + w wᵀ. NaN if
        the neuron is zero at either time.
        """
        a, w = self.at(t)
        distance = _distance(self.a0, self.w0, np.atleast_1d(a), np.atleast_2d(w))
        return float(distance[0]) if np.ndim(a) == 0 else distance

    @cached_property
    def _start(self) -> Start:
        return Start.of_weights(self.beta_star, self.a0, self.w0)

    @cached_property
    def _size(self) -> float:
        return float(np.linalg.norm(self.beta_star))

    @cached_property
    def _target(self) -> Array:
        if self._size:
            return self.beta_star / self._size
        return np.asarray(np.eye(1, self.beta_star.size)[0])

    @cached_property
    def _along(self) -> float:
        return float(self.w0 @ self._target)

    @cached_property
    def _across(self) -> Array:
        across = self.w0 - self._along * self._target
        # The second pass removes what rounding left along h.
        return np.asarray(across - float(across @ self._target) * self._target)

    @cached_property
    def _larger(self) -> float:
        """The larger one of cosχ and sinχ; without a target, χ = 0."""
        return math.sqrt((1 + abs(self.delta) / self.rate) / 2) if self.rate else 1.0

    @cached_property
    def _smaller(self) -> float:
        """The other one; where K − |δ| cancels, from sinχ cosχ = B/K."""
        if not self.rate:
            return 0.0
        ratio = abs(self.delta) / self.rate
        if ratio < 0.5:
            return math.sqrt((1 - ratio) / 2)
        return self._size / self.rate / self._larger

    @property
    def _cos(self) -> float:
        return self._larger if self.delta >= 0 else self._smaller

    @property
    def _sin(self) -> float:
        return self._smaller if self.delta >= 0 else self._larger

    def _scaled(self, t: Array) -> tuple[Array, Array, Array]:
        """Return a, the part of w along h, and the factor of q in w, each of shape (q,)."""
        slow = self.rate if self.delta >= 0 else self.gap
        growing, lift = self._lifted(_exponent(slow, t))
        decay, rise = _power(self.rate, t, 2 * lift), growing * _rise(self.rate, t)
        half = _power(self.rate, t, lift)
        a = self.a0 * half + rise * self._cos
        along = self._along * half + rise * self._sin
        shrinking = self._along * self._cos - self.a0 * self._sin
        if self.delta >= 0:
            across = _power((self.rate + self.delta) / 2, t, lift)
            rest = _product(decay, _integral(self.delta, t))
        else:
            across = _power(self.gap / 2, t, lift)
            rest = _product(_power(self.gap, t, 2 * lift), _integral(-self.delta, t))
        plane = _product(growing**2 + shrinking**2 * decay, _integral(self.rate, t))
        square = decay + plane + _product(float(self._across @ self._across), rest)
        # The square vanishes by underflow only, on the way into the saddle at the origin.
        factor = 1 / np.sqrt(np.where(square > 0, square, np.inf))
        return a * factor, along * factor, across * factor

    def _lifted(self, exponent: Array) -> tuple[Array, Array]:
        """Return c₊ e^σ and σ, (q,), from the exponent of what shrinks slowest in squares."""
        part = self._start.growing
        if not part:
            return np.zeros_like(exponent), np.zeros_like(exponent)
        size = float(abs(part).ln())
        lift = np.minimum(exponent / 2, max(SMALL - size, 0.0))
        lifted = np.exp(size + lift) if size < SMALL else np.full_like(lift, abs(self.growing))
        return math.copysign(1.0, part) * lifted, lift


@dataclass(frozen=True, eq=False)
class _FromPoint(Trajectory):
    """A trajectory whose start is known better than its weights."""

    given: Start

    @property
    def _start(self) -> Start:
        return self.given


def _power(rate: float, t: Array, lift: Array) -> Array:
    """Return e^{lift − rate t}, shape (q,); e^lift for a rate of 0 also at infinite time."""
    return np.exp(lift - _exponent(rate, t))


def _rise(rate: float, t: Array) -> Array:
    """Return 1 − e^{−rate t}, shape (q,)."""
    return -np.expm1(-_exponent(rate, t))


def _integral(rate: float, t: Array) -> Array:
    """Return ∫₀ᵗ e^{−rate s} ds, shape (q,); t itself for a rate of 0."""
    exponent = _exponent(rate, t)
    # A subnormal exponent has lost digits that its quotient by the rate would show.
    resolved = exponent >= np.finfo(float).tiny
    return np.where(resolved, -np.expm1(-exponent) / (rate or 1.0), t)


def _exponent(rate: float, t: Array) -> Array:
    """Return rate × t, with 0 × inf = 0 and without a warning where it exceeds every float64."""
    with np.errstate(over="ignore"):
        return rate * t if rate else np.zeros_like(t)


def _product(first: Array | float, second: Array) -> Array:
    """Return the product, with 0 × inf = 0: a part that is absent has no integral."""
    first = np.broadcast_to(first, second.shape)
    return np.where(first == 0, 0.0, first) * np.where(first == 0, 0.0, second)


def _distance(a0: float, w0: Array, a: Array, w: Array) -> Array:
    """Return ½|M₀/|M₀| − M/|M||², shape (q,), without forming a matrix.

    With c = difference of a²/|M|, and p, m = sum and difference of w/sqrt|M|, the squared norm of
    c I + (p mᵀ + m pᵀ)/2 is (d − 2)c² + 2(c + p·m/2)² + |p|²|m|²/2: no cancellation for d >= 2.
    """
    d = w0.size
    if d == 1:
        return np.where((a0**2 + w0[0] ** 2 > 0) & (a**2 + w[:, 0] ** 2 > 0), 0.0, math.nan)
    norm0, norm = _norm(np.array([a0]), w0[None]), _norm(a, w)
    defined = (norm0 > 0) & (norm > 0)
    norm0, norm = np.where(norm0 > 0, norm0, 1.0), np.where(norm > 0, norm, 1.0)
    c = a0**2 / norm0 - a**2 / norm
    start, now = w0 / np.sqrt(norm0)[:, None], w / np.sqrt(norm)[:, None]
    p, m = start + now, start - now
    inner = np.sum(p * m, axis=1)
    outer = np.sum(p * p, axis=1) * np.sum(m * m, axis=1)
    return np.where(defined, ((d - 2) * c**2 + 2 * (c + inner / 2) ** 2 + outer / 2) / 2, math.nan)


def _norm(a: Array, w: Array) -> Array:
    """Return |M| = sqrt((d − 1)a⁴ + (a² + |w|²)²), shape (q,)."""
    squared = a**2
    return np.asarray(
        np.hypot(math.sqrt(w.shape[1] - 1) * squared, squared + np.sum(w * w, axis=1))
    )
