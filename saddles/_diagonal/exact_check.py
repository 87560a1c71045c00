"""A limit path computed again in rational arithmetic, led by the active units of a given one.

Pesme and Flammarion (2023, arXiv:2304.00488). Between two jumps clocks are linear in time, so that
the next ring is the least of d quotients; the saddle after it minimises the loss over the clocks at
a boundary, each coefficient of the sign of its clock. Which coefficients are not zero there, the
given path says: least squares on them is right if and only if every sign is right and nobody at a
boundary is pushed beyond it. That is decided here without rounding, so that a wrong path cannot
pass, and a search through sets of units is not needed.

==============  =========================================================================
code name       symbol
==============  =========================================================================
``gram``        XᵀX, entry by entry, as needed
``moment``      Xᵀy
``pulls``       Xᵀ(y − Xβ), n times the clocks' speed
``clocks``      S, inside [−1, 1]
``blur``        what counts as zero: 0, unless the data are irrational and therefore rounded
==============  =========================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm

from saddles.typing import Indices

__all__ = ["ExactSaddle", "Refuted", "exact_saddles"]

Vector = list[Fraction]


class Refuted(Exception):
    """Says in one line why no saddle has the active units that the path claims."""


@dataclass(frozen=True, kw_only=True)
class ExactSaddle:
    """One saddle: its time, its coefficients by unit, its loss."""

    time: Fraction
    beta: dict[int, Fraction]
    loss: Fraction


@dataclass(eq=False)
class _Problem:
    """Columns of integers with one denominator each, and their products, remembered."""

    columns: list[list[int]]
    scales: list[int]
    target: list[int]
    scale: int
    products: dict[tuple[int, int], Fraction] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[Sequence[Fraction]], target: Sequence[Fraction]) -> _Problem:
        """Return the problem of data (n, d) and targets (n,)."""
        pairs = [_integers(column) for column in zip(*rows, strict=True)]
        y, scale = _integers(target)
        return cls([column for column, _ in pairs], [s for _, s in pairs], y, scale)

    def gram(self, i: int, j: int) -> Fraction:
        """Return x_i·x_j."""
        key = (min(i, j), max(i, j))
        if key not in self.products:
            product = _dot(self.columns[i], self.columns[j])
            self.products[key] = Fraction(product, self.scales[i] * self.scales[j])
        return self.products[key]

    def moment(self, i: int) -> Fraction:
        """Return x_i·y."""
        return Fraction(_dot(self.columns[i], self.target), self.scales[i] * self.scale)


def exact_saddles(
    rows: Sequence[Sequence[Fraction]],
    target: Sequence[Fraction],
    active: Sequence[Indices],
    *,
    finished: bool = True,
    blur: Fraction = Fraction(0),
) -> list[ExactSaddle]:
    """Return the saddles of the limit path whose active units are as given.

    Parameters
    ----------
    rows : sequence of n sequences of d Fractions
        Features.
    target : sequence of n Fractions
        Targets.
    active : sequence of K + 1 index arrays
        Units that are not zero at each saddle, none at the first.
    finished : bool
        Whether training must end at the last one.
    blur : Fraction
        Clocks so close to a boundary are there, and pulls below this share of |x_i| |y| are zero.

    Returns
    -------
    list of ExactSaddle
        K + 1 saddles; where coefficients are not unique, those of minimum norm on these units.

    Raises
    ------
    Refuted
        If the path is not that of the data.
    """
    problem, n, d = _Problem.of(rows, target), len(target), len(rows[0])
    moments = [problem.moment(i) for i in range(d)]
    power = Fraction(_dot(problem.target, problem.target), problem.scale**2)
    least = [blur**2 * problem.gram(i, i) * power for i in range(d)]
    clocks, pulls, time = [Fraction(0)] * d, moments, Fraction(0)
    found = [ExactSaddle(time=time, beta={}, loss=power / (2 * n))]
    for jump, units in enumerate(active[1:], 1):
        pulls = [p if p * p > limit else Fraction(0) for p, limit in zip(pulls, least, strict=True)]
        waits = [((p > 0) - (p < 0) - s) / p for p, s in zip(pulls, clocks, strict=True) if p]
        if not waits:
            raise Refuted(f"training ends after {jump - 1} jumps")
        wait = min(waits)
        time += wait * n
        clocks = [_snapped(s + wait * p, blur) for p, s in zip(pulls, clocks, strict=True)]
        beta = _least_squares(problem, moments, units.tolist())
        pulls = [
            moment - sum((problem.gram(i, j) * b for j, b in beta.items()), Fraction(0))
            for i, moment in enumerate(moments)
        ]
        _check(jump, clocks, beta, pulls, least)
        fit = sum((moments[j] * b for j, b in beta.items()), Fraction(0))
        found.append(ExactSaddle(time=time, beta=beta, loss=(power - fit) / (2 * n)))
    if finished and any(p * p > limit for p, limit in zip(pulls, least, strict=True)):
        raise Refuted(f"training goes on after jump {len(active) - 1}")
    return found


def _check(
    jump: int, clocks: Vector, beta: dict[int, Fraction], pulls: Vector, least: Vector
) -> None:
    """Raise unless β minimises the loss over the clocks at a boundary, each of its sign."""
    for i, (clock, pull) in enumerate(zip(clocks, pulls, strict=True)):
        value = beta.get(i, Fraction(0))
        if value and not (abs(clock) == 1 and value * clock > 0):
            raise Refuted(
                f"after jump {jump} coefficient {i} is {float(value):.6g}, with its clock at "
                f"{float(clock):.10g}"
            )
        if abs(clock) == 1 and pull * clock > 0 and pull * pull > least[i]:
            raise Refuted(f"after jump {jump} the clock of {i} is pushed beyond its boundary")


def _least_squares(problem: _Problem, moments: Vector, units: list[int]) -> dict[int, Fraction]:
    """Return the least squares solution of minimum norm on some units."""
    values = solved(_gram(problem, units), [moments[i] for i in units])
    if values is not None:
        return dict(zip(units, values, strict=True))
    chosen: list[int] = []
    for unit in units:
        if solved(_gram(problem, [*chosen, unit]), [Fraction(0)] * (len(chosen) + 1)) is not None:
            chosen.append(unit)
    # With G = XᵀX of all units and its independent rows B = G[chosen], the fit says Bβ = Xᵀfit, and
    # the shortest such β is Bᵀ(BBᵀ)⁻¹ of that.
    B = [[problem.gram(i, j) for j in units] for i in chosen]
    right = [moments[i] for i in chosen]
    outer = [[sum((a * b for a, b in zip(p, q, strict=True)), Fraction(0)) for q in B] for p in B]
    weights = solved(outer, right) or []
    return {
        unit: sum((w * row[k] for w, row in zip(weights, B, strict=True)), Fraction(0))
        for k, unit in enumerate(units)
    }


def solved(matrix: list[Vector], right: Vector) -> Vector | None:
    """Solve a symmetric positive semidefinite system; None if it is singular.

    Rows are scaled to integers, and eliminated without fractions (Bareiss): every division by the
    previous pivot is exact.
    """
    rows = [_integers([*row, b])[0] for row, b in zip(matrix, right, strict=True)]
    previous = 1
    for k, pivot_row in enumerate(rows):
        pivot = pivot_row[k]
        if not pivot:
            return None
        for i, row in enumerate(rows):
            if i != k:
                factor = row[k]
                rows[i] = [
                    (pivot * a - factor * b) // previous
                    for a, b in zip(row, pivot_row, strict=True)
                ]
        previous = pivot
    return [Fraction(row[-1], row[i]) for i, row in enumerate(rows)]


def _gram(problem: _Problem, units: list[int]) -> list[Vector]:
    return [[problem.gram(i, j) for j in units] for i in units]


def _snapped(clock: Fraction, blur: Fraction) -> Fraction:
    """Return the boundary if the clock is within `blur` of it."""
    if blur and abs(abs(clock) - 1) <= blur:
        return Fraction(1 if clock > 0 else -1)
    return clock


def _integers(numbers: Sequence[Fraction]) -> tuple[list[int], int]:
    """Return integers and their common denominator."""
    scale = lcm(*(number.denominator for number in numbers))
    return [int(number * scale) for number in numbers], scale


def _dot(a: Sequence[int], b: Sequence[int]) -> int:
    return sum(p * q for p, q in zip(a, b, strict=True))
