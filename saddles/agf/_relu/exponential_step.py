"""One step of a stiff flow z' = F(z) whose Jacobian is symmetric: exprb43.

Hochbruck, Ostermann and Schweitzer, "Exponential Rosenbrock-type methods" (2009, SIAM J. Numer.
Anal. 47), the scheme of order 4 with an error estimate of order 3. With J = F'(z₀) and
N(z) = F(z) − J z,

    z₁ = z₀ + h φ₁(½hJ) F/2,    z₂ = z₀ + h φ₁(hJ) (F + D₁),    D_i = N(z_i) − N(z₀),
    z(h) = z₀ + h [φ₁(hJ) F + φ₃(hJ) (16 D₁ − 2 D₂) + φ₄(hJ) (12 D₂ − 48 D₁)].

It solves z' = F + J(z − z₀) + α t² + β t³ exactly, with h² α = 8 D₁ − D₂ and h³ β = 2 D₂ − 8 D₁;
that equation gives the curve within a step, at no cost.

=============  ===================================================================
code name      symbol
=============  ===================================================================
``modes``      orthonormal eigenvectors of J as columns, (D, D)
``rates``      its eigenvalues, (D,)
``force``      F(z₀) in them;  ``square``, ``cube``  α and β in them
=============  ===================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from saddles.typing import Array

__all__ = ["Curve", "Expansion"]

#: Below this size of its argument φ_k is summed, in so many terms; above, it is a quotient.
SERIES, TERMS = 1.0, 18
#: 1/(k + 4)! of the term x^k of φ₄, the last one first.
COEFFICIENTS = [1 / math.factorial(k + 4) for k in range(TERMS, -1, -1)]


@dataclass(frozen=True, eq=False)
class Curve:
    """The flow within one step of length ``length``; ``error`` is that of its end, (D,)."""

    start: Array
    modes: Array
    rates: Array
    force: Array
    square: Array
    cube: Array
    length: float
    error: Array

    def modal(self, times: Array) -> Array:
        """Return z − z₀ in the eigenvectors, at `times` (t,), shape (t, D)."""
        times = times[:, None]
        first, third, fourth = _phis(times * self.rates)
        bent = 2 * third * self.square + 6 * times * fourth * self.cube
        return np.asarray(times * (first * self.force + times**2 * bent))

    def __call__(self, times: Array) -> Array:
        """Return z at `times` (t,), shape (t, D)."""
        return np.asarray(self.start + self.modal(times) @ self.modes.T)


@dataclass(frozen=True, eq=False)
class Expansion:
    """F around z₀: its value and its Jacobian, in the eigenvectors of that."""

    start: Array
    velocity: Callable[[Array], Array]
    modes: Array
    rates: Array
    force: Array

    @classmethod
    def at(
        cls, start: Array, velocity: Callable[[Array], Array], force: Array, jacobian: Array
    ) -> Expansion:
        """Expand around `start` (D,)."""
        rates, modes = np.linalg.eigh(jacobian)
        return cls(start, velocity, modes, rates, force @ modes)

    def step(self, length: float) -> Curve:
        """Return a step of this length."""
        half, _, _ = _phis(length / 2 * self.rates)
        first, _, fourth = _phis(length * self.rates)
        one = self._rest(length / 2 * half * self.force)
        two = self._rest(length * first * (self.force + one))
        square, cube = (8 * one - two) / length**2, (2 * two - 8 * one) / length**3
        error = length * fourth * (12 * two - 48 * one)
        return Curve(
            self.start, self.modes, self.rates, self.force, square, cube, length, self.modes @ error
        )

    def _rest(self, moved: Array) -> Array:
        """Return N(z) − N(z₀), in the eigenvectors, for z − z₀ = `moved` in them."""
        there = self.velocity(self.start + self.modes @ moved) @ self.modes
        return np.asarray(there - self.force - self.rates * moved)


def _phis(x: Array) -> tuple[Array, Array, Array]:
    """Return φ₁, φ₃ and φ₄ of `x`: φ₀ = exp, φ_k = (φ_{k−1} − 1/(k−1)!) / x."""
    near = np.clip(x, -SERIES, SERIES)
    fourth = np.zeros_like(x)
    for coefficient in COEFFICIENTS:
        fourth *= near
        fourth += coefficient
    third = 1 / 6 + near * fourth
    first = 1 + near * (0.5 + near * third)
    far = np.abs(x) > SERIES
    if far.any():
        y = x[far]
        first[far] = np.expm1(y) / y
        third[far] = ((first[far] - 1) / y - 0.5) / y
        fourth[far] = (third[far] - 1 / 6) / y
    return first, third, fourth
