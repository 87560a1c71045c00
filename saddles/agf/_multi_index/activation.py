"""Activations of homogeneous neurons, as Gaussian inputs see them.

A function of one variable is positively homogeneous of degree k only if it is

    σ(z) = c₊ z₊^k + c₋ (−z)₊^k.

So two numbers give every such activation (`Homogeneous`). A neuron that is homogeneous in its
weights alone may be any function of the direction, |w|^k s(ŵ·x), s = Σ_j s_j He_j (`Spherical`);
s = He_k makes the symmetric tensor w^{⊗k}.

On x ~ N(0, I) two neurons at an angle t have the correlation |w|^k |w'|^k F(cos t), where
F = Σ_j s_j² j! cos^j t. For `Homogeneous` that is F = A Φ_k(c) + B Φ_k(−c) with A = c₊² + c₋²,
B = 2 c₊c₋, c = cos t and the arc-cosine kernels (Cho and Saul, 2009, arXiv:1112.3712)

    Φ_k = [(π − t) P_k(c) + sin t Q_k(c)] / 2π,    Φ_k' = k² Φ_{k−1},

and polynomials P_k, Q_k of which P_0 = 1, Q_0 = 0; P_k is even or odd as k is, Q_k as k − 1. So the
derivatives of F by c differ in their polynomials alone,

    F^(m) = (k!/(k−m)!)² [(A (π − t) ± B t) P_{k−m}(c) + (A ∓ B) sin t Q_{k−m}(c)] / 2π,

where ± is (−1)^k.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``k``            k; the neuron a σ(w·x) has degree κ = k + 1
``plus``         c₊ = σ(1);  ``minus`` c₋ = σ(−1)
``hermite``      s_j of the probabilists' Hermite polynomials He_j
``correlation``  F and F';  ``bend`` F'' sin² t
===============  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.polynomial import polynomial

from saddles import checks
from saddles.typing import Array

__all__ = ["NAMED", "Activation", "Homogeneous", "Spherical", "named"]


@dataclass(frozen=True)
class Homogeneous:
    """The activation σ(z) = plus z₊^k + minus (−z)₊^k.

    Parameters
    ----------
    k : int
        Degree, at least 1.
    plus, minus : float
        σ(1) and σ(−1), not both zero. ReLU is (1, 0), |z| is (1, 1), the identity (1, −1).

    Raises
    ------
    TypeError, ValueError
        For bad numbers, with the rule and the remedy.

    Examples
    --------
    Odd Hermite degrees above 1 are beyond a ReLU without bias:

    >>> from saddles.agf import Homogeneous
    >>> Homogeneous(1, 1.0, 0.0).hermite(5).round(6).tolist()
    [0.398942, 0.5, 0.199471, 0.0, -0.016623, 0.0]
    """

    k: int
    plus: float
    minus: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", checks.whole_number(self.k, "k", least=1))
        for name in ("plus", "minus"):
            object.__setattr__(self, name, checks.finite_number(getattr(self, name), name))
        if self.plus == 0 == self.minus:
            raise ValueError(
                f"plus={self.plus!r}, minus={self.minus!r}: such neurons are zero; give one of "
                "them another value."
            )

    def __call__(self, z: Any) -> Array:
        """Return σ(z), of the shape of z."""
        z = np.asarray(z, dtype=float)
        ahead, behind = np.maximum(z, 0.0) ** self.k, np.maximum(-z, 0.0) ** self.k
        return np.asarray(self.plus * ahead + self.minus * behind)

    def neuron(self, inputs: Array, w: Array) -> Array:
        """Return the outputs (H, n) of neurons w (H, d) on inputs (n, d)."""
        return self(w @ inputs.T)

    def normalised(self, degree: int) -> Array:
        """Return s_j √j! for j up to `degree`, (degree + 1,), with E σ² the sum of all squares."""
        signs = (-1.0) ** np.arange(degree + 1)
        return np.asarray(_half(self.k, degree) * (self.plus + self.minus * signs)) + 0.0

    def hermite(self, degree: int) -> Array:
        """Return s_j for j up to `degree` (at most 170), σ = Σ_j s_j He_j, (degree + 1,)."""
        return self.normalised(degree) / _root_factorials(degree)

    def correlation(self, angle: Array, c: Array, sine: Array) -> tuple[Array, Array]:
        """Return F and F', each of the shape of `angle`.

        Parameters
        ----------
        angle, c, sine : ndarray of shape (...)
            Angles t, their cosines and sines.
        """
        ahead, behind = self._shares(angle, sine)
        value, slope = (self._derivative(m, ahead, behind, c) for m in (0, 1))
        return value, slope

    def bend(self, angle: Array, c: Array, sine: Array) -> Array:
        """Return F'' sin² t.

        Parameters
        ----------
        angle, c, sine : ndarray of shape (...)
            Angles t, their cosines and sines.
        """
        ahead, behind = self._shares(angle, sine)
        return behind if self.k == 1 else sine**2 * self._derivative(2, ahead, behind, c)

    def _shares(self, angle: Array, sine: Array) -> tuple[Array, Array]:
        """Return (A (π − t) ± B t) / 2π and (A ∓ B) sin t / 2π."""
        even, cross = self.plus**2 + self.minus**2, 2 * self.plus * self.minus * (-1) ** self.k
        ahead = even / 2 + (cross - even) / (2 * np.pi) * angle
        return ahead, (even - cross) / (2 * np.pi) * sine

    def _derivative(self, order: int, ahead: Array, behind: Array, c: Array) -> Array:
        p, q = _polynomials(self.k - order)
        factor = float(math.perm(self.k, order)) ** 2
        return factor * (ahead * _horner(p, c) + behind * _horner(q, c))


@dataclass(frozen=True)
class Spherical:
    """The neuron |w|^k s(ŵ·x), s = Σ_j s_j He_j, ŵ the direction of w.

    It is homogeneous in its weights, not in its input.

    Parameters
    ----------
    k : int
        Degree in the weights, at least 1.
    coefficients : sequence of float
        s_0, s_1, … of the probabilists' Hermite polynomials, not all zero.

    Raises
    ------
    TypeError, ValueError
        For bad numbers, with the rule and the remedy.

    Examples
    --------
    Neurons He_3(ŵ·x) |w|³ see degree 3 alone:

    >>> from saddles.agf import Spherical
    >>> Spherical(3, (0.0, 0.0, 0.0, 1.0)).hermite(4).tolist()
    [0.0, 0.0, 0.0, 1.0, 0.0]
    """

    k: int
    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", checks.whole_number(self.k, "k", least=1))
        found = checks.real_array(self.coefficients, "coefficients", 1)
        if not found.any():
            raise ValueError(
                f"coefficients={self.coefficients!r} are zero; give one of them another value."
            )
        object.__setattr__(self, "coefficients", tuple(float(each) for each in found))

    def neuron(self, inputs: Array, w: Array) -> Array:
        """Return the outputs (H, n) of neurons w (H, d) on inputs (n, d)."""
        size = np.linalg.norm(w, axis=1, keepdims=True)
        along = (w / np.where(size > 0, size, 1.0)) @ inputs.T
        return np.asarray(size**self.k * np.polynomial.hermite_e.hermeval(along, self.coefficients))

    def normalised(self, degree: int) -> Array:
        """Return s_j √j! for j up to `degree`, (degree + 1,), with E s² the sum of all squares."""
        return self.hermite(degree) * _root_factorials(degree)

    def hermite(self, degree: int) -> Array:
        """Return s_j for j up to `degree`, (degree + 1,)."""
        known = self.coefficients[: degree + 1]
        return np.pad(known, (0, degree + 1 - len(known)))

    def correlation(self, angle: Array, c: Array, sine: Array) -> tuple[Array, Array]:
        """Return F and F', each of the shape of `angle`.

        Parameters
        ----------
        angle, c, sine : ndarray of shape (...)
            Angles t, their cosines and sines.
        """
        return _horner(self._series[0], c), _horner(self._series[1], c)

    def bend(self, angle: Array, c: Array, sine: Array) -> Array:
        """Return F'' sin² t.

        Parameters
        ----------
        angle, c, sine : ndarray of shape (...)
            Angles t, their cosines and sines.
        """
        return np.asarray(sine**2 * _horner(self._series[2], c))

    @cached_property
    def _series(self) -> list[Array]:
        """F and its first two derivatives by cos t, lowest power first."""
        series = self.normalised(len(self.coefficients) - 1) ** 2
        return [np.asarray(polynomial.polyder(series, m), dtype=float) for m in range(3)]


Activation = Homogeneous | Spherical

#: The activations that have names.
NAMED = {
    "linear": Homogeneous(1, 1.0, -1.0),
    "relu": Homogeneous(1, 1.0, 0.0),
    "leaky": Homogeneous(1, 1.0, -0.01),
    "abs": Homogeneous(1, 1.0, 1.0),
    "quadratic": Homogeneous(2, 1.0, 1.0),
    "relu2": Homogeneous(2, 1.0, 0.0),
    "cubic": Homogeneous(3, 1.0, -1.0),
    "relu3": Homogeneous(3, 1.0, 0.0),
}


def named(activation: Any) -> Activation:
    """Return an activation, given itself or its name.

    Raises
    ------
    TypeError, ValueError
        If it is neither.
    """
    if isinstance(activation, Homogeneous | Spherical):
        return activation
    if isinstance(activation, str):
        return NAMED[checks.one_of(activation, "activation", tuple(NAMED))]
    raise TypeError(
        f"activation={checks.show(activation)} must be homogeneous: one of "
        f"{', '.join(map(repr, NAMED))}, saddles.agf.Homogeneous(k, plus, minus) or "
        "saddles.agf.Spherical(k, coefficients)."
    )


@cache
def _root_factorials(degree: int) -> Array:
    """Return √j!, (degree + 1,)."""
    return np.sqrt([float(math.factorial(j)) for j in range(degree + 1)])


@cache
def _half(k: int, degree: int) -> Array:
    """Return E z₊^k He_j(z) / √j!, (degree + 1,).

    By parts, E z₊^k He_j(z) = k E z₊^{k−1} He_{j−1}(z).
    """
    if k == 0:
        zero = [0.0, 1.0]  # He_j(0)/√j!, from j = −1 on
        for j in range(1, degree + 1):
            zero.append(-math.sqrt((j - 1) / j) * zero[-2])
        later = (zero[j] / math.sqrt(2 * math.pi * j) for j in range(1, degree + 1))
        return np.array([0.5, *later])
    mean = 2 ** (k / 2 - 1) * math.gamma((k + 1) / 2) / math.sqrt(math.pi)
    lower = _half(k - 1, degree)[:degree] * k / np.sqrt(np.arange(1, degree + 1))
    return np.concatenate([[mean], lower])


@cache
def _polynomials(k: int) -> tuple[Array, Array]:
    """Return the coefficients of P_k (k + 1,) and Q_k (k,), lowest power first.

    P_k' = k² P_{k−1} and (1 − c²) Q_k' − c Q_k + P_k = k² (1 − c²) Q_{k−1}.
    """
    if k == 0:
        return np.ones(1), np.zeros(1)
    p_before, q_before = _polynomials(k - 1)
    p = np.concatenate([[0.0], k**2 * p_before / np.arange(1, k + 1)])
    right = k**2 * (
        np.pad(q_before, (0, k + 3 - len(q_before))) - np.pad(q_before, (2, k + 1 - len(q_before)))
    )
    q = np.zeros(k + 3)
    for j in range(k, 0, -1):
        q[j - 1] = ((j + 1) * q[j + 1] + p[j] - right[j]) / j
    p[0] = right[0] - q[1]
    return p, q[:k]


def _horner(coefficients: Array, c: Array) -> Array:
    """Return a polynomial, lowest power first, of a few coefficients at many c."""
    value = np.full_like(c, coefficients[-1])
    for each in coefficients[-2::-1].tolist():
        value *= c
        value += each
    return value


def lacking(activation: Activation, degrees: Iterable[int]) -> list[int]:
    """Return which of these Hermite degrees the activation does not have."""
    known = sorted(set(degrees))
    found = activation.normalised(max(known, default=0))
    largest = np.abs(found).max()
    return [j for j in known if abs(found[j]) <= ABSENT * (largest or 1.0)]


#: A Hermite coefficient this small beside the largest is rounding.
ABSENT = 1e-13
