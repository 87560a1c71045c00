"""Least squares of active columns: residuals that are right to their own last digits."""

from fractions import Fraction

import numpy as np
import pytest

from reference.pesme_flammarion import solve
from saddles._diagonal.column_basis import Factors
from saddles._diagonal.refined_least_squares import _products, _split, _sum, least_squares

#: Two refinements end with an error of some 2^-63 |y|; float64 alone gives 2,000 times as much.
REFINED = 32 * 2.0**-63


def careful(A, y):
    """Return the solution and residual of min |y − Az|, refined."""
    factors = Factors(y.size)
    for index, column in enumerate(A.T):
        factors.push(index, column, np.linalg.norm(column))
    return least_squares(A, y, factors.stack, careful=True)


@pytest.mark.parametrize("share", [1e-1, 1e-3, 1e-6, 1e-9])
def test_residual_has_its_own_digits(share):
    """Targets that the columns explain but for a small share, against exact arithmetic."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((6, 3))
    y = A @ rng.standard_normal(3) + share * rng.standard_normal(6)
    values, residual = careful(A, y)
    rows, goal = [[Fraction(a) for a in row] for row in A], [Fraction(b) for b in y]
    columns = list(zip(*rows, strict=True))
    gram = [[sum(a * b for a, b in zip(u, v, strict=True)) for v in columns] for u in columns]
    exact = solve(gram, [sum(a * b for a, b in zip(u, goal, strict=True)) for u in columns])
    left = [
        b - sum(a * z for a, z in zip(r, exact, strict=True))
        for r, b in zip(rows, goal, strict=True)
    ]
    assert values == pytest.approx(np.array(exact, dtype=float), rel=1e-13)
    left = np.array(left, dtype=float)
    tolerance = REFINED * np.linalg.norm(y) + 1e-14 * np.linalg.norm(left)
    assert np.linalg.norm(residual - left) < tolerance


def test_residual_of_an_interpolation_is_zero():
    rng = np.random.default_rng(1)
    A = rng.standard_normal((4, 4))
    _, residual = careful(A, rng.standard_normal(4))
    assert residual.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("n", "k"), [(3, 2), (40, 7), (300, 1), (70_000, 2)])
def test_split_products_are_exact_to_well_beyond_a_float(n, k):
    """Entries of very different sizes, and a result that cancels."""
    rng = np.random.default_rng(n)
    A = rng.uniform(-1, 1, (n, k)) * np.exp2(-rng.integers(0, 30, (n, k)))
    z = rng.standard_normal(k)
    head, tail = _split(A, max(n, k))
    rows = rng.integers(0, n, 20)
    rest = _sum([-(A @ z), *_products(head, tail, z)])[rows]
    exact = [
        sum(Fraction(a) * Fraction(b) for a, b in zip(A[i], z, strict=True)) - Fraction((A @ z)[i])
        for i in rows
    ]
    assert rest == pytest.approx(np.array(exact, dtype=float), abs=k * 2.0**-62, rel=1e-12)
    slope = _sum(_products(head.T, tail.T, A[:, 0]))
    squares = sum(Fraction(a) ** 2 for a in A[:, 0])
    assert slope[0] == pytest.approx(float(squares), rel=1e-16)
