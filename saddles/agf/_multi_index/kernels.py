"""Correlations of homogeneous neurons on x ~ N(0, I), with derivatives in closed form.

A function of w that is homogeneous of degree k is t(w) = |w|^k Q(u), u = w/|w|. So are the
correlation of a neuron with another one and with a target,

    K(w, w') = |w|^k |w'|^k F(u·u'),
    T(w) = E g(z) σ(w·x) = |w|^k P(v),    P(v) = Σ_β s_j j! g_β v^β,  j = |β|,  v = Uᵀu,

the second a polynomial of the overlaps v. Angles come from atan2, for the arc cosine of u·u' knows
them to half of the digits only.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``w``            w, (H, d);  ``v`` w', (J, d)
``lengths``      |w|, (H,)
``units``        u, (H, d); zero where w is
``angle``        t, the angle between w and w', (H, J);  ``c``, ``sine`` cos t, sin t
``toward``       n, the unit tangent at u towards u', (H, J, d)
``value``        F;  ``first`` F';  ``second`` F'' sin² t, each (H, J)
===============  ==========================================================================
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from saddles.agf._multi_index.activation import Activation
from saddles.agf._multi_index.target import HermiteTarget
from saddles.typing import Array, Indices

__all__ = ["Pairs", "Term", "lengths_and_units"]


def lengths_and_units(w: Array) -> tuple[Array, Array]:
    """Return |w| (H,) and directions (H, d), zero where w is."""
    lengths = _norm(w)
    return lengths, w / np.where(lengths > 0, lengths, 1.0)[:, None]


class Pairs:
    """The correlations K of every w (H, d) with every v (J, d)."""

    def __init__(self, activation: Activation, w: Array, v: Array) -> None:
        self._activation, self._k = activation, activation.k
        self._left = lengths_and_units(w)
        self._right = self._left if v is w else lengths_and_units(v)
        a, b = self._left[1][:, None], self._right[1]
        self._angle = 2 * np.arctan2(_norm(a - b), _norm(a + b))
        self._c, self._sine = np.cos(self._angle), np.sin(self._angle)
        self._value, self._first = activation.correlation(self._angle, self._c, self._sine)
        self._powers = self._left[0] ** self._k, self._right[0] ** self._k

    def value(self) -> Array:
        """Return K (H, J)."""
        left, right = self._powers
        return left[:, None] * self._value * right

    def pull(self, weights: Array) -> Array:
        """Return Σ_j b_j ∂K(w, v_j)/∂w (H, d), of weights b (J,)."""
        (lengths, units), along = self._left, weights * self._powers[1]
        radial = (self._k * self._value - self._c * self._first) @ along
        slope = radial[:, None] * units + (self._first * along) @ self._right[1]
        return np.asarray(_power(lengths, self._k - 1)[:, None] * slope)

    def _tangents(self, others: bool = False) -> Array:
        """Return n (H, J, d), at w towards v or, with `others`, at v towards w."""
        a, b = self._left[1][:, None], self._right[1]
        here, there = (b, a) if others else (a, b)
        toward = (there - here) + 2 * np.sin(self._angle / 2)[..., None] ** 2 * here
        size = _norm(toward)[..., None]
        return np.asarray(toward / np.where(size > 0, size, 1.0))

    def bend(self, weights: Array) -> Array:
        """Return Σ_j b_j ∂²K(w, v_j)/∂w∂w (H, d, d)."""
        toward, along = self._tangents(), weights * self._powers[1]
        second = self._second() * along
        shapes = np.matmul((toward * second[..., None]).transpose(0, 2, 1), toward)
        tangent = np.einsum("hj,hjd->hd", self._sine * self._first * along, toward)
        level, radial = self._value @ along, (self._c * self._first) @ along
        return _bend(self._k, *self._left, level, radial, tangent, shapes)

    def _second(self) -> Array:
        return self._activation.bend(self._angle, self._c, self._sine)

    def slopes(self) -> Array:
        """Return ∂K/∂w (H, J, d)."""
        k, (lengths, units) = self._k, self._left
        along = (self._sine * self._first)[..., None] * self._tangents()
        inner = k * self._value[..., None] * units[:, None] + along
        sizes = _power(lengths, k - 1)[:, None] * self._powers[1]
        return np.asarray(sizes[..., None] * inner)

    def mixed(self) -> Array:
        """Return ∂²K/∂w∂v (H, J, d, d)."""
        k, (lengths, u), (others, v) = self._k, self._left, self._right
        n, m, first = self._tangents(), self._tangents(others=True), self._first
        u, v = np.broadcast_to(u[:, None], n.shape), np.broadcast_to(v, n.shape)
        turn = k * self._sine * first
        left = (k * k * self._value, turn, turn, self._second())
        rows = zip(left, (u, n, u, n), (v, v, m, m), strict=True)
        found = sum(size[..., None, None] * _outer(a, b) for size, a, b in rows)
        turned = np.eye(n.shape[-1]) - _outer(u, u) - _outer(v, v)
        turned = turned + self._c[..., None, None] * _outer(u, v)
        sizes = _power(lengths, k - 1)[:, None] * _power(others, k - 1)
        return np.asarray(sizes[..., None, None] * (found + first[..., None, None] * turned))


class Term:
    """The correlation T of neurons with the target's Hermite series."""

    def __init__(self, target: HermiteTarget, activation: Activation) -> None:
        degree = max(map(sum, target.coefficients), default=0)
        normalised = activation.normalised(degree)
        self._k, self._r = activation.k, target.r
        terms = {
            beta: normalised[sum(beta)] * math.sqrt(math.factorial(sum(beta))) * value
            for beta, value in target.coefficients.items()
        }
        self._exponents, self._columns = _table(terms, target.r)

    def _at(self, w: Array) -> tuple[Array, Array, Array]:
        """Return |w|, u and P with its derivatives, 1 + r + r² columns."""
        lengths, units = lengths_and_units(w)
        powers = units[:, : self._r, None] ** np.arange(self._exponents.max(initial=0) + 1)
        monomials = np.ones((len(w), len(self._exponents)))
        for axis, each in enumerate(self._exponents.T):
            monomials *= powers[:, axis, each]
        return lengths, units, monomials @ self._columns

    def value(self, w: Array) -> Array:
        """Return T (H,)."""
        lengths, _, found = self._at(w)
        return np.asarray(lengths**self._k * found[:, 0])

    def slope(self, w: Array) -> tuple[Array, Array]:
        """Return T (H,) and ∂T/∂w (H, d)."""
        if not self._columns.any():
            return np.zeros(len(w)), np.zeros_like(w)
        lengths, units, found = self._at(w)
        inner = found[:, 1 : self._r + 1]
        radial = self._k * found[:, 0] - np.sum(inner * units[:, : self._r], axis=1)
        slope = radial[:, None] * units
        slope[:, : self._r] += inner
        value = lengths**self._k * found[:, 0]
        return value, np.asarray(_power(lengths, self._k - 1)[:, None] * slope)

    def bend(self, w: Array) -> Array:
        """Return ∂²T/∂w∂w (H, d, d)."""
        lengths, units, found = self._at(w)
        r, (count, d) = self._r, w.shape
        gradient, curvature = np.zeros((count, d)), np.zeros((count, d, d))
        gradient[:, :r] = found[:, 1 : r + 1]
        curvature[:, :r, :r] = found[:, r + 1 :].reshape(count, r, r)
        radial = np.sum(gradient * units, axis=1)
        across = np.eye(d) - _outer(units, units)
        shapes = across @ curvature @ across
        tangent = gradient - radial[:, None] * units
        return _bend(self._k, lengths, units, found[:, 0], radial, tangent, shapes)


def _bend(
    k: int, lengths: Array, units: Array, level: Array, radial: Array, tangent: Array, shapes: Array
) -> Array:
    """Return ∂²/∂w∂w of |w|^k Q(u), given Q, u·∇Q, P⊥∇Q and P⊥∇²Q P⊥."""
    along = _outer(units, units)
    sides = _outer(units, tangent)
    found = k * (k - 1) * level[:, None, None] * along + shapes
    found = found + (k - 1) * (sides + sides.transpose(0, 2, 1))
    found = found + (k * level - radial)[:, None, None] * (np.eye(units.shape[1]) - along)
    return np.asarray(_power(lengths, k - 2)[:, None, None] * found)


def _table(terms: dict[tuple[int, ...], float], r: int) -> tuple[Indices, Array]:
    """Return the monomials that occur (N, r), and over them P, ∂P and ∂²P, (N, 1 + r + r²)."""
    terms = terms or {(0,) * r: 0.0}
    below = {e for beta in terms for e in product(*(range(k + 1) for k in beta))}
    place = {e: i for i, e in enumerate(sorted(below))}
    columns = np.zeros((len(place), 1 + r + r * r))
    for beta, value in terms.items():
        columns[place[beta], 0] += value
        for i in range(r):
            first = _lowered(beta, i)
            if not beta[i]:
                continue
            columns[place[first], 1 + i] += value * beta[i]
            for j in range(r):
                if first[j]:
                    second = place[_lowered(first, j)]
                    columns[second, 1 + r + r * i + j] += value * beta[i] * first[j]
    return np.array([*place], dtype=np.intp).reshape(-1, r), columns


def _lowered(beta: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return tuple(e - (i == axis) for i, e in enumerate(beta))


def _power(lengths: Array, power: int) -> Array:
    """Return |w|^power; where w is zero derivatives may not exist, and such a neuron rests."""
    return np.asarray(np.where(lengths > 0, lengths, 1.0) ** power * (lengths > 0))


def _norm(rows: Array) -> Array:
    return np.asarray(np.sqrt(np.einsum("...d,...d->...", rows, rows)))


def _outer(a: Array, b: Array) -> Array:
    return np.asarray(a[..., :, None] * b[..., None, :])
