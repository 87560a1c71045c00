"""The start of the single neuron, in decimals of many digits: what cancels in it is not lost.

The escape part c₊ = a₀ cosχ + p₀ sinχ of a start near the stable side of the saddle is a small
difference of large numbers, and decides how long the flow stays there. Where the two terms have
opposite signs,

    c₊ = N / (2K (a₀ cosχ − p₀ sinχ)),    N = δ(K + s) + |q|²(K − δ),    s = a₀² + |w₀|²,

which loses nothing for δ >= 0. For δ < 0 the two terms of N may cancel as well: that is what the
digits are for.

==============  ====================================================================
code name       symbol
==============  ====================================================================
``delta``       δ;  ``rate`` K = sqrt(δ² + 4B²), B = |β*|
``output``      a₀;  ``along`` p₀ = w₀·β*/B;  ``across`` |q|², q = w₀ − p₀ β*/B
``growing``     c₊
==============  ====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from fractions import Fraction

from saddles.typing import Array

__all__ = ["Start"]

#: Digits of the decimals. A float64 has 17, its square 34, and δ holds differences of squares.
DIGITS = 120

#: Parts of N that cancel to this count as cancelling exactly: the start lies on the stable side.
NOTHING = Decimal(f"1e-{DIGITS - 20}")


@dataclass(frozen=True)
class Start:
    """A start by its exact invariants."""

    output: Decimal
    along: Decimal
    across: Decimal
    delta: Decimal
    size: Decimal
    """B = |β*|."""

    @classmethod
    def of_weights(cls, target: Array, a0: float, w0: Array) -> Start:
        """Return the start of these weights."""
        b, w = _exact(target), _exact(w0)
        bb, wb, ww = _dot(b, b), _dot(w, b), _dot(w, w)
        delta = Fraction(a0) ** 2 - ww
        with localcontext(Context(prec=DIGITS)):
            size = _decimal(bb).sqrt()
            return cls(
                output=Decimal(a0),
                along=_decimal(wb) / size if size else Decimal(0),
                across=_decimal(ww - wb**2 / bb if bb else ww),
                delta=_decimal(delta),
                size=size,
            )

    @classmethod
    def of_point(cls, target: Array, beta0: Array, delta: float) -> Start:
        """Return the start with a₀ >= 0 at a point β₀ of function space."""
        b, start = _exact(target), _exact(beta0)
        bb, product, norm = _dot(b, b), _dot(start, b), _dot(start, start)
        with localcontext(Context(prec=DIGITS)):
            size, given = _decimal(bb).sqrt(), Decimal(delta)
            half = ((given**2 + 4 * _decimal(norm)).sqrt() + abs(given)) / 2
            square = half if delta >= 0 else _decimal(norm) / half
            output = square.sqrt()
            return cls(
                output=output,
                along=_decimal(product) / (size * output) if output else Decimal(0),
                across=_decimal(norm - product**2 / bb) / square if output else Decimal(0),
                delta=given,
                size=size,
            )

    @property
    def growing(self) -> Decimal:
        """Escape part c₊; exactly 0 for a start from which the flow ends at the saddle."""
        with localcontext(Context(prec=DIGITS)):
            rate = (self.delta**2 + 4 * self.size**2).sqrt()
            if not rate:
                return self.output
            larger = ((rate + abs(self.delta)) / (2 * rate)).sqrt()
            smaller = self.size / (rate * larger)
            cos, sin = (larger, smaller) if self.delta >= 0 else (smaller, larger)
            first, second = self.output * cos, self.along * sin
            if first * second >= 0:
                return first + second
            total = 2 * self.output**2 - self.delta
            terms = self.delta * (rate + total), self.across * 2 * rate * sin**2
            rest = sum(terms, Decimal(0))
            if abs(rest) <= NOTHING * max(map(abs, terms)):
                return Decimal(0)
            return rest / (2 * rate * (first - second))


def _exact(vector: Array) -> list[Fraction]:
    return [Fraction(value) for value in vector.tolist()]


def _dot(first: list[Fraction], second: list[Fraction]) -> Fraction:
    return sum((one * two for one, two in zip(first, second, strict=True)), Fraction(0))


def _decimal(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)
