"""Where dormant neurons of a multi-index target turn to: the maximisers of their utility.

A neuron a σ(w·x) of norm 1 has the largest utility, k^(k/2) (k+1)^(−(k+1)/2) |C(ŵ)|, where
C(ŵ) = E r σ(ŵ·x), if |w|² = k a². Neurons with a > 0 turn to local maxima of C on the sphere, those
with a < 0 to minima. C depends on what ŵ has in the span of U and of the active w alone. So the
search is on a sphere of at most r + A + 1 dimensions, whatever d is, and what a maximiser has
outside of the span may point anywhere.

For one coordinate and nothing active C is a polynomial of the overlap, and all maximisers are
found. Otherwise they are the ends of ascents, each sharpened by Newton's method and certified by
its gradient and curvature.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``u``            ŵ over a basis of the span and of one direction more, (n, m)
``sign``         the sign of a, (n,)
``basis``        that basis, orthonormal columns, (d, m)
===============  ==========================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saddles import checks
from saddles._result.path import PathError
from saddles._tools.record import Record
from saddles.agf._engine.parting import ALIKE, alike, bends
from saddles.agf._multi_index.network import MultiIndex
from saddles.homogeneous import Declared
from saddles.status import Status
from saddles.typing import Array, ArrayLike, Mask

__all__ = ["UtilityMaximisers", "utility_maximisers"]

#: Ascents stop turning at this gradient, relative to the largest, or after so many steps.
ROUGH, ASCENT_STEPS = 1e-6, 2000
#: A step of an ascent grows by the first, or shrinks by the second factor.
FASTER, SLOWER = 1.5, 0.25
#: Gradient of a certified maximiser, relative to the largest; Newton's method has so many steps.
SHARP, NEWTON_STEPS = 1e-10, 12
#: Ends this near, rough and sharp ones, are one maximiser.
NEAR, SAME = 1e-4, 1e-5
#: A curvature or a utility this small, relative to the largest gradient, is none.
FLAT = 1e-7


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class UtilityMaximisers(Record):
    """Local maximisers of the utility among neurons of norm 1, the largest utility first.

    Attributes
    ----------
    neurons : ndarray of shape (m, 1 + d)
        Balanced neurons (a, w) of norm 1.
    overlaps : ndarray of shape (m, r)
        Uᵀŵ.
    utility : ndarray of shape (m,)
        Their utility, above 0: at other maxima neurons fade.
    residuals : ndarray of shape (m,)
        Gradient of C across ŵ, relative to the largest one on the sphere.
    isolated : ndarray of shape (m,)
        Whether C falls in all directions of the span; otherwise ŵ is one of a continuum.
    shares : ndarray of shape (m,)
        Share of the starts of this sign whose ascent ends here; NaN if maximisers were enumerated.
    exhaustive : bool
        True if these are all there are.
    """

    neurons: Array
    overlaps: Array
    utility: Array
    residuals: Array
    isolated: Mask
    shares: Array
    exhaustive: bool

    def __len__(self) -> int:
        """Return the number m of maximisers."""
        return len(self.utility)

    @property
    def sign(self) -> Array:
        """The sign of a, (m,)."""
        return np.sign(self.neurons[:, 0])

    @property
    def directions(self) -> Array:
        """Unit vectors ŵ, (m, d)."""
        w = self.neurons[:, 1:]
        return np.asarray(w / np.linalg.norm(w, axis=1, keepdims=True))


def utility_maximisers(
    network: MultiIndex, active: ArrayLike | None = None, *, starts: int = 100, seed: int = 0
) -> UtilityMaximisers:
    """Directions of largest utility, to which dormant neurons turn.

    Parameters
    ----------
    network : MultiIndex
        The target, the activation and the number of inputs.
    active : array_like of shape (A, 1 + d), optional
        Active neurons; none by default.
    starts : int, optional
        Number of random directions from which ascents start, for each sign of a.
    seed : int, optional
        Their seed.

    Returns
    -------
    UtilityMaximisers
        All of them for one coordinate, a polynomial target and no active neuron. Otherwise those
        that the ascents reach: each is certified, but one with a small basin may be missing, and
        more `starts` make that less likely.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If an ascent does not come to rest at a maximum.

    Examples
    --------
    Of the staircase z_1 + z_1 z_2, ReLU neurons see both steps at once:

    >>> import saddles
    >>> target = saddles.agf.HermiteTarget({(1, 0): 1.0, (1, 1): 1.0})
    >>> found = saddles.agf.utility_maximisers(saddles.agf.MultiIndex(target, 10**6))
    >>> found.sign[:2].tolist(), found.overlaps[:2].round(5).tolist()
    ([1.0, -1.0], [[0.88787, 0.46009], [-0.88787, 0.46009]])
    """
    if not isinstance(network, MultiIndex):
        raise TypeError(f"network={checks.show(network)} must be a saddles.agf.MultiIndex.")
    rows = np.empty((0, network.size))
    if active is not None and (given := checks.numbers(active, "active")).size:
        rows = checks.neurons(checks.moderate(given, "active", 4), "active", network.size)
    number = checks.whole_number(starts, "starts", least=1)
    rng = np.random.default_rng(checks.whole_number(seed, "seed"))
    sphere = _Sphere.of(network, rows, rng)
    if network.target.r == 1 and not len(rows) and network.target.degree < math.inf:
        u, sign = sphere.enumerated()
        shares, every = np.full(len(u), math.nan), True
    else:
        begun = rng.standard_normal((2 * number, sphere.size))
        u, sign = sphere.ascended(begun, np.repeat([1.0, -1.0], number))
        u, sign, shares = sphere.different(u, sign)
        every = False
    return sphere.told(u, sign, shares, every)


@dataclass(frozen=True, eq=False)
class _Sphere:
    """Directions ŵ = `basis` u with |u| = 1; C is even in the last coordinate if `spare`."""

    network: MultiIndex
    active: Array
    basis: Array
    spare: bool
    k: int

    @classmethod
    def of(cls, network: MultiIndex, active: Array, rng: np.random.Generator) -> _Sphere:
        """Take the span of U and of the active w, and one direction more if there is one."""
        r, d, k = network.target.r, network.d, network.degree - 1
        inside = r + len(active)
        if network.covariance is not None or d <= inside:
            return cls(network, active, np.eye(d), False, k)
        rest = np.column_stack([active[:, 1 + r :].T, rng.standard_normal(d - r)])
        basis = np.zeros((d, inside + 1))
        basis[:r, :r] = np.eye(r)
        basis[r:, r:] = np.linalg.qr(rest)[0]
        small = MultiIndex(network.target, inside + 1, activation=network.activation)
        return cls(small, np.column_stack([active[:, 0], active[:, 1:] @ basis]), basis, True, k)

    @property
    def size(self) -> int:
        """Number of coordinates of u."""
        return len(self.basis.T)

    @cached_property
    def _declared(self) -> Declared:
        return Declared.of(self.network)

    def slopes(self, u: Array) -> tuple[Array, Array]:
        """Return C (n,) and its gradient (n, m) at unit vectors u (n, m)."""
        found = self.network.utility_gradient(np.column_stack([np.ones(len(u)), u]), self.active)
        return found[:, 0], found[:, 1:]

    @cached_property
    def scale(self) -> float:
        """The largest gradient of C on the sphere, by its size at some directions."""
        some = np.random.default_rng(0).standard_normal((100, self.size))
        some = np.vstack([np.eye(self.size), some])
        slopes = self.slopes(some / np.linalg.norm(some, axis=1, keepdims=True))[1]
        return float(np.linalg.norm(slopes, axis=1).max()) or 1.0

    def bend(self, u: Array) -> tuple[Array, Array, Array]:
        """Return the gradient of C across u (m,), its curvatures on the sphere, and their modes."""
        value, slope = self.slopes(u[None])
        theta = np.append(1.0, math.sqrt(self.k) * u) / math.sqrt(self.k + 1)
        size = float(np.linalg.norm(theta[1:]))
        every = bends(self._declared, theta[None], self.active)[0, 1:, 1:]
        across = np.linalg.svd(u[None])[2][1:]
        # Those of U are taken at ALIKE θ, and U is homogeneous.
        every = every * ALIKE ** (1 - self.k) / (theta[0] * size ** (self.k - 2))
        inner = across @ every @ across.T - self.k * value[0] * np.eye(len(across))
        curvatures, modes = np.linalg.eigh(inner)
        return across.T @ (across @ slope[0]), curvatures, across.T @ modes

    def enumerated(self) -> tuple[Array, Array]:
        """Return all maximisers of a polynomial C of one overlap, and their signs."""
        degree = int(self.network.target.degree)
        known = self.network.activation.hermite(degree)
        series = np.zeros(degree + 1)
        for (j,), g in self.network.target.coefficients.items():
            series[j] = known[j] * math.factorial(j) * g
        C = np.polynomial.Polynomial(series)
        roots = C.deriv().trim().roots()
        inner = np.unique(roots[np.abs(roots.imag) <= SAME].real)
        inner = inner[np.abs(inner) < 1] if self.size > 1 else np.empty(0)
        v = np.concatenate([[-1.0], inner, [1.0]])
        # At an end C falls with the square of the angle if it rises with the overlap.
        rise = np.concatenate([[C.deriv()(-1.0)], C.deriv(2)(inner), [-C.deriv()(1.0)]])
        places = [(x, s) for x, up in zip(v, rise, strict=True) for s in (1, -1) if s * up <= 0]
        if self.size == 1:
            places = [(x, s) for x in (-1.0, 1.0) for s in (1, -1)]
        found, sign = np.array(places, dtype=float).reshape(-1, 2).T
        u = np.column_stack([found, np.sqrt(1 - found**2)])[:, : self.size]
        return u, sign

    def ascended(self, u: Array, sign: Array) -> tuple[Array, Array]:
        """Climb sign C from rows of u (n, m) until its gradient is small."""
        u = u / np.linalg.norm(u, axis=1, keepdims=True)
        if self.size == 1:
            return u, sign
        step = np.full(len(u), 0.1 / self.scale)
        value, slope = self.slopes(u)
        for _ in range(ASCENT_STEPS):
            tangent = sign[:, None] * (slope - np.sum(slope * u, axis=1, keepdims=True) * u)
            moving = np.flatnonzero(np.linalg.norm(tangent, axis=1) > ROUGH * self.scale)
            if not len(moving):
                break
            trial = u[moving] + step[moving, None] * tangent[moving]
            trial /= np.linalg.norm(trial, axis=1, keepdims=True)
            height, gradient = self.slopes(trial)
            better = sign[moving] * height >= sign[moving] * value[moving]
            step[moving] *= np.where(better, FASTER, SLOWER)
            rows = moving[better]
            u[rows], value[rows], slope[rows] = trial[better], height[better], gradient[better]
        first = alike(np.column_stack([u, sign]), NEAR)
        ends = {row: self._sharpened(u[row]) for row in np.unique(first)}
        return np.array([ends[row] for row in first]), sign

    def _sharpened(self, u: Array) -> Array:
        """Return the critical point of C next to u (m,), by Newton's method."""
        slope, curvatures, modes = self.bend(u)
        for _ in range(NEWTON_STEPS):
            curved = np.abs(curvatures) > FLAT**2 * self.scale
            inverse = np.divide(1.0, curvatures, out=np.zeros_like(curvatures), where=curved)
            trial = u - modes @ (inverse * (slope @ modes))
            trial /= np.linalg.norm(trial)
            found = self.bend(trial)
            if not np.linalg.norm(found[0]) < np.linalg.norm(slope):
                break
            u, (slope, curvatures, modes) = trial, found
        return u

    def different(self, u: Array, sign: Array) -> tuple[Array, Array, Array]:
        """Return each end once, with its sign and its share of the ascents of that sign."""
        if self.spare:
            u = np.column_stack([u[:, :-1], np.abs(u[:, -1])])
        kept, counts = np.unique(alike(np.column_stack([u, sign]), SAME), return_counts=True)
        shares = counts / np.array([np.count_nonzero(sign == s) for s in sign[kept]])
        return u[kept], sign[kept], shares

    def told(self, u: Array, sign: Array, shares: Array, exhaustive: bool) -> UtilityMaximisers:
        """Return those of a positive utility, certified, the largest first."""
        value = sign * self.slopes(u)[0]
        order = np.argsort(-value, kind="stable")
        order = order[value[order] > FLAT * self.scale]
        bent = [self.bend(row) for row in u[order]]
        residuals = np.array([np.linalg.norm(slope) for slope, _, _ in bent]) / self.scale
        tops = [
            np.max(s * b, initial=-math.inf) for s, (_, b, _) in zip(sign[order], bent, strict=True)
        ]
        largest = np.array(tops) / self.scale
        if (residuals > SHARP).any() or (largest > FLAT).any():
            raise PathError(Status.STALLED, None, "ascent of the utility")
        w = math.sqrt(self.k) * u[order] @ self.basis.T
        neurons = np.column_stack([sign[order], w]) / math.sqrt(self.k + 1)
        best = self.k ** (self.k / 2) * (self.k + 1) ** (-(self.k + 1) / 2)
        return UtilityMaximisers(
            neurons=neurons,
            overlaps=(u[order] @ self.basis.T)[:, : self.network.target.r],
            utility=best * value[order],
            residuals=residuals,
            isolated=largest < -FLAT,
            shares=shares[order],
            exhaustive=exhaustive,
        )
