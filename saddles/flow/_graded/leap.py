"""Leaps over plateaus: about a saddle the flow is linear, and its coordinates have a closed form.

Where the active columns rest, F is constant but for squares of dormant sizes. Off the active
directions, where F has eigenvalues λ and eigenvectors V, dormant columns are multiplied by e^{Fs}.
With VᵀQ = LPU, no rows exchanged, L unit lower and U unit upper triangular and P diagonal,

    e^{Fs}Q = V [e^{Λs} L e^{−Λs}] e^{Λs} P U,

and in the bracket is no large exponential, since λ falls: its QR factors give Q, l and T at any s.
An integrator cannot do that. Of modes that grow 1e8 times as slowly as others have, rates are
differences of numbers of order one, and a step as long as they allow adds up more rounding than a
tolerance permits, so that steps stay short for ever.

==============  ==========================================================
code name       symbol
==============  ==========================================================
``rates``       λ, falling, shape (m − k,)
``modes``       V, shape (m, m − k)
``lower``       L, shape (m − k, r − k)
``pivots``      the diagonal of P, shape (r − k,)
``upper``       U, shape (r − k, r − k)
==============  ==========================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from saddles._numerics.ends import LEAST_RATE
from saddles._numerics.precision import CUT_EXPONENT, EPS
from saddles.flow._graded.part import Part, straightened
from saddles.flow._graded.saddle import Saddle
from saddles.status import Breakdown, Status
from saddles.typing import Array

__all__: list[str] = []

#: Rates that differ by no more than this many m eps of the pace are equal.
EQUAL = 64.0

#: A leap over fewer foldings of the fastest mode than this is not worth a new start.
SHORTEST = 3.0


@dataclass(frozen=True, eq=False)
class Leap:
    """The closed form of all coordinates over a plateau, as a curve.

    Attributes
    ----------
    part : Part
        Whose coordinates they are.
    begin, end : float
        The integrator's times between which the plateau is followed.
    frame, logs, shape : ndarray of shape (m, k), (r,) and (r, r)
        Directions of the active columns at the saddle; log scales and shape, of all columns, when
        the leap begins.
    rates, modes, lower, pivots, upper : ndarray
        As in the table above.
    """

    part: Part
    begin: float
    end: float
    frame: Array
    logs: Array
    shape: Array
    rates: Array
    modes: Array
    lower: Array
    pivots: Array
    upper: Array

    def __call__(self, times: Array) -> Array:
        """Return the packed coordinates (n, q) at the integrator's `times` (q,)."""
        return np.array([self._packed(time) for time in np.atleast_1d(times)]).T

    @property
    def last(self) -> Array:
        """The packed coordinates at the end (n,)."""
        return self._packed(self.end)

    def _packed(self, time: float) -> Array:
        k, logs, shape = self.frame.shape[1], self.logs.copy(), self.shape.copy()
        dormant, logs[k:], shape[k:, k:] = self.grown(time - self.begin)
        frame = np.hstack([self.frame, dormant])
        if k and logs.size > k:
            # Rows of active columns are not orthogonal to those of dormant ones: in coordinates in
            # which they are, nothing tilts, so that here the active columns do.
            across = np.linalg.solve(shape[:k, :k], shape[:k, k:])
            small = np.exp(np.minimum(logs[k:], CUT_EXPONENT))[:, None] * shape[k:, k:]
            own = np.exp(logs[:k])[:, None] * shape[:k, :k]
            held = np.linalg.solve(np.eye(k) + across @ across.T, across)
            tilt = -np.linalg.solve(own.T, held @ small.T).T
            frame[:, :k] += dormant @ tilt
            frame[:, k:] -= self.frame @ tilt.T
            frame = straightened(frame)[0]
        return self.part.pack(frame, logs, shape)

    def grown(self, passed: float) -> tuple[Array, Array, Array]:
        """Return Q (m, r − k), l (r − k,) and T (r − k, r − k) of the dormant columns."""
        n = self.pivots.size
        k = self.logs.size - n
        rates, logs = self.rates[:n], self.logs[k:]
        falls = np.minimum(np.subtract.outer(self.rates, rates), 0.0) * passed
        basis, triangle = straightened(self.lower * np.exp(falls))
        signs = np.sign(self.pivots)
        sizes = np.log(triangle.diagonal()) + np.log(np.abs(self.pivots)) + logs + rates * passed
        ahead = logs + np.log(np.abs(self.pivots)) + rates * passed
        above = np.exp(np.minimum(np.triu(ahead - sizes[:, None]), CUT_EXPONENT))
        turned = np.triu((triangle * signs) * above * signs[:, None])
        gaps = np.triu(logs - logs[:, None])
        before = self.upper * np.exp(np.minimum(gaps, CUT_EXPONENT))
        shape = np.triu(turned @ before @ self.shape[k:, k:], 1) + np.eye(n)
        return self.modes @ (basis * signs), sizes, shape


def leap(
    part: Part,
    saddle: Saddle,
    state: Array,
    times: tuple[float, float],
    error: float,
    unseen: float,
) -> Leap | None:
    """Return the leap from `state` at the first of two times, at most to the second, or None.

    Parameters
    ----------
    error : float
        What a log scale may err by.
    unseen : float
        Below this, a component of a direction may be an error.
    """
    frame, logs, shape = part.unpack(state)
    k, (begin, until) = saddle.held.shape[1], times
    straight = straightened(frame)[0]
    rates, modes = saddle.across()
    felt = saddle.felt(rates, modes)
    if not rates[0] > LEAST_RATE or not np.abs(felt).max() ** 2 < error:
        return None
    overlaps = modes.T @ straight[:, k:]
    modes, lower, pivots, upper = _factors(rates, modes, overlaps + felt @ overlaps)
    active, logs[:k], shape[:k] = _at_rest(saddle, shape[:k])
    whole = Leap(part, begin, until, active, logs, shape, rates, modes, lower, pivots, upper)
    bend = max(saddle.curvature(mode) for mode in modes.T[rates > LEAST_RATE])
    # F has moved by e^{2l} times its bend, and for 1/(2λ): l errs by the product.
    largest = math.log(2 * float(rates[0]) * error / bend) / 2 if bend else 0.0
    passed = _reached(lambda s: _size(whole.grown(s)) - largest, float(rates[0]), until - begin)
    if passed * rates[0] < SHORTEST:
        return None
    missing = np.abs(pivots) < unseen
    if (missing & (rates[: pivots.size] * passed > 1)).any():
        raise Breakdown(Status.UNDECIDED)
    return replace(whole, end=until if passed == until - begin else begin + passed)


def _at_rest(saddle: Saddle, shape: Array) -> tuple[Array, Array, Array]:
    """Return Q (m, k), l (k,) and rows of T (k, r) of the active columns at the saddle."""
    k = len(shape)
    held = saddle.held @ rows_of(shape)
    frame, triangle = straightened(held[:, :k])
    logs = np.log(triangle.diagonal())
    shape = (frame.T @ held) / triangle.diagonal()[:, None]
    return frame, logs, np.triu(shape, 1) + np.eye(*shape.shape)


def rows_of(shape: Array) -> Array:
    """Return an orthonormal basis of the rows of T (k, r), the same for any of their lengths."""
    return np.asarray(straightened(shape.T)[0].T)


def _factors(rates: Array, modes: Array, overlaps: Array) -> tuple[Array, Array, Array, Array]:
    """Return V, L, P and U of `overlaps` VᵀQ (p, n); V is turned where rates are equal.

    Any basis is one of modes there, and in the one taken no pivot is small without need.
    """
    rest, modes, n = overlaps.copy(), modes.copy(), overlaps.shape[1]
    upper, edges = np.eye(n), 1 + np.flatnonzero(-np.diff(rates) > EQUAL * len(modes) * EPS)
    for level in np.split(np.arange(rates.size), edges):
        columns = np.arange(level[0], min(level[-1] + 1, n))
        if level.size > 1 and columns.size:
            turn = _lower_triangular(rest[np.ix_(level, columns)])
            rest[level], modes[:, level] = turn.T @ rest[level], modes[:, level] @ turn
        for j in columns:
            rest[j, j] = rest[j, j] or EPS  # what rounding leaves of a zero
            upper[j, j + 1 :] = rest[j, j + 1 :] / rest[j, j]
            rest[:, j + 1 :] -= np.outer(rest[:, j], upper[j, j + 1 :])
    pivots = rest.diagonal().copy()
    return modes, np.tril(rest / pivots), pivots, upper


def _lower_triangular(block: Array) -> Array:
    """Return the orthogonal G (p, p) that makes the top of GᵀB, for B (p, n), lower triangular."""
    n = block.shape[1]
    turn = np.linalg.qr(block[:, ::-1], mode="complete")[0]
    return np.hstack([turn[:, :n][:, ::-1], turn[:, n:]])


def _size(grown: tuple[Array, Array, Array]) -> float:
    """Return log |Z| of dormant columns with Q, l and T."""
    _, logs, shape = grown
    return float(np.logaddexp.reduce(2 * logs + np.log(np.sum(shape**2, axis=1)))) / 2


def _reached(height: Callable[[float], float], rate: float, longest: float) -> float:
    """Return when a height that grows at most at `rate` comes to zero from below, or `longest`."""
    from scipy.optimize import brentq

    before, now = 0.0, -height(0.0) / rate
    if now <= 0:
        return 0.0
    while now < longest and height(now) < 0:
        before, now = now, 2 * now
    if now >= longest and height(longest) < 0:
        return longest
    return float(brentq(height, before, min(now, longest), xtol=0.1 / rate))
