"""Multi-index targets y = g(z), z = Uᵀx of a few coordinates, by their Hermite coefficients.

U has orthonormal columns, so z ~ N(0, I_r) for x ~ N(0, I), and

    g(z) = Σ_β g_β He_β(z) + Σ_j b_j σ(u_j·z),    He_β(z) = Π_i He_{β_i}(z_i),

with the probabilists' Hermite polynomials, E He_β² = β!. The second sum are teachers with the
activation σ of the neurons that learn: their correlations have a closed form, though they have
Hermite coefficients of all degrees.

=================  ==========================================================================
code name          symbol
=================  ==========================================================================
``r``              number of coordinates that count
``coefficients``   β -> g_β
``weights``        b, (m,)
``directions``     u, one teacher per row, (m, r)
=================  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
from numpy.polynomial import hermite_e

from saddles import checks
from saddles._tools.record import Record
from saddles.agf._multi_index.activation import Activation, named
from saddles.typing import Array, ArrayLike

__all__ = ["HermiteTarget", "Index", "factorial", "refuse_high_degrees"]

#: A multi-index β.
Index = tuple[int, ...]

#: Most that an expansion of a function may leave out, as a share of E g².
LEFT_OUT = 1e-10
#: What is left of a coefficient of an expansion that is zero, relative to the largest.
NOTHING = 1e-14
#: Largest number of nodes of a quadrature.
NODES = 4_000_000
#: Largest number whose factorial is a float64.
HIGHEST = 170


@dataclass(frozen=True, eq=False)
class HermiteTarget(Record):
    """A target on r coordinates of Gaussian inputs, y = Σ_β g_β He_β(z) + Σ_j b_j σ(u_j·z).

    Parameters
    ----------
    coefficients : mapping of tuple of int to float
        Multi-index β -> g_β of the probabilists' Hermite polynomials He_β(z) = Π_i He_{β_i}(z_i).
        All multi-indices have the length r; for r = 1 they may be integers. Empty if there are
        teachers alone.
    weights, directions : array_like of shapes (m,) and (m, r), optional
        Teachers b and u, of any norms but 0, with the activation σ of the neurons that learn them.
    function : callable, optional
        The function that the coefficients expand, of which `callable` takes care.

    Attributes
    ----------
    r : int
        Number of coordinates z.
    degree : int or float
        Highest degree Σβ of the coefficients; infinite if there are teachers.

    Raises
    ------
    TypeError, ValueError
        For bad multi-indices and numbers, with the rule and the remedy.

    Examples
    --------
    A staircase, z_1 + z_1 z_2, and a quadratic target from its monomials:

    >>> from saddles.agf import HermiteTarget
    >>> target = HermiteTarget({(1, 0): 1.0, (1, 1): 1.0})
    >>> target.r, target.degree
    (2, 2)
    >>> HermiteTarget.polynomial({(2, 0): 3.0, (0, 2): 1.5}).coefficients
    {(0, 0): 4.5, (2, 0): 3.0, (0, 2): 1.5}
    """

    coefficients: Mapping[Any, float]
    weights: Array = field(default_factory=lambda: np.zeros(0), kw_only=True)
    directions: Array = field(default_factory=lambda: np.zeros((0, 0)), kw_only=True)
    function: Callable[[Array], Any] | None = field(default=None, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        known = _checked(self.coefficients, "coefficients")
        r = len(next(iter(known))) if known else None
        b = checks.numbers(self.weights, "weights")
        rows = checks.numbers(self.directions, "directions")
        if b.size or rows.size:
            b = checks.real_array(b, "weights", 1)
            rows = checks.real_array(rows, "directions", 2)
            checks.neurons(rows, "directions", r or rows.shape[1])
            for j, row in enumerate(rows):
                checks.moderate(row, f"directions[{j}]", 2)
            checks.same_length(b, "weights", rows, "directions")
        elif not known or not r:
            raise ValueError(
                f"coefficients={self.coefficients!r}: a target needs a term and a coordinate; give "
                "a multi-index and its coefficient, as in {(1, 0): 1.0}."
            )
        else:
            b, rows = np.zeros(0), np.zeros((0, r))
        for name, value in (("coefficients", known), ("weights", b), ("directions", rows)):
            object.__setattr__(self, name, value)

    @classmethod
    def polynomial(cls, terms: Mapping[Any, float]) -> HermiteTarget:
        """Return the target Σ_e c_e z^e.

        Parameters
        ----------
        terms : mapping of tuple of int to float
            Exponents e -> c_e; z_1 z_2² of three coordinates is (1, 2, 0).

        Raises
        ------
        TypeError, ValueError
            For bad exponents and numbers, with the rule and the remedy.
        """
        found: dict[Index, float] = {}
        for powers, value in _checked(terms, "terms").items():
            axes = [hermite_e.poly2herme(np.eye(e + 1)[e]) for e in powers]
            for beta in product(*(range(e % 2, e + 1, 2) for e in powers)):
                each = math.prod(float(axis[k]) for axis, k in zip(axes, beta, strict=True))
                found[beta] = found.get(beta, 0.0) + value * each
        return cls(found)

    @classmethod
    def teacher(cls, weights: ArrayLike, directions: ArrayLike) -> HermiteTarget:
        """Return the target Σ_j b_j σ(u_j·z), σ the activation of the neurons that learn it.

        Parameters
        ----------
        weights : array_like of shape (m,)
            b.
        directions : array_like of shape (m, r)
            u, one teacher per row, of any norm but 0.

        Raises
        ------
        TypeError, ValueError
            For arrays of the wrong shape, and for a direction that is zero.
        """
        return cls({}, weights=weights, directions=directions)

    @classmethod
    def callable(cls, g: Callable[[Array], Any], r: int, order: int) -> HermiteTarget:
        """Return the target g(z), expanded in Hermite polynomials up to degree `order`.

        Parameters
        ----------
        g : callable
            Coordinates (n, r) -> targets (n,), smooth.
        r : int
            Number of coordinates.
        order : int
            Degree of the expansion, at most 150. What is learnt is the expansion: `g` is replaced.

        Raises
        ------
        TypeError, ValueError
            For bad input, and if the expansion leaves out more than 1e-10 of E g².
        """
        if not callable(g):
            raise TypeError(f"g={checks.show(g)} must be a function of coordinates (n, r).")
        r = checks.whole_number(r, "r", least=1)
        order = checks.whole_number(order, "order", least=1)
        if order > 150 or (2 * order + 2) ** r > NODES:
            raise ValueError(
                f"order={order!r}, r={r!r}: the quadrature would need {2 * order + 2}^{r} nodes, "
                "of at most 4e6, and order may be 150; lower order."
            )
        found, power = _expanded(g, r, order)
        kept = sum(value**2 * factorial(beta) for beta, value in found.items())
        if not power - kept <= LEFT_OUT * power:
            raise ValueError(
                f"order={order!r}: the expansion leaves out {1 - kept / power:.1e} of E g², and "
                f"may leave out {LEFT_OUT:g}; raise order, or give a target with kinks as a "
                "teacher."
            )
        return cls(found, function=g)

    @property
    def r(self) -> int:
        """Number of coordinates."""
        return int(self.directions.shape[1])

    @property
    def degree(self) -> float:
        """Highest degree; infinite if there are teachers."""
        return math.inf if len(self.weights) else max(map(sum, self.coefficients))

    def values(self, z: ArrayLike, activation: Activation) -> Array:
        """Return y (n,) at coordinates z (n, r), with teachers of this activation."""
        z = checks.real_array(z, "z", 2)
        if z.shape[1] != self.r:
            raise ValueError(
                f"z has shape {z.shape}, and the target r={self.r!r} coordinates; give (n, r)."
            )
        found = self.weights @ named(activation).neuron(z, self.directions)
        return np.asarray(found + _series(self.coefficients, z))

    def hermite(self, activation: Activation, degree: int) -> dict[Index, float]:
        """Return the Hermite coefficients β -> g_β, those of the teachers included.

        Parameters
        ----------
        activation : Homogeneous or Spherical
            What the teachers have.
        degree : int
            Highest degree that is returned.
        """
        found = {beta: v for beta, v in self.coefficients.items() if sum(beta) <= degree}
        if not len(self.weights):
            return found
        activation = named(activation)
        sizes = np.linalg.norm(self.directions, axis=1, keepdims=True)
        units, known = self.directions / sizes, activation.hermite(degree)
        for beta in product(range(degree + 1), repeat=self.r):
            if (j := sum(beta)) > degree:
                continue
            share = math.factorial(j) / factorial(beta) * known[j]
            along = self.weights * sizes[:, 0] ** activation.k * np.prod(units**beta, axis=1)
            found[beta] = found.get(beta, 0.0) + float(share * along.sum())
        return found

    def composed(self, turned: Array) -> HermiteTarget:
        """Return the target of x that is this one at z = x @ `turned`; turned is (r, r)."""
        rows = self.directions @ turned.T
        if not self.coefficients:
            return HermiteTarget({}, weights=self.weights, directions=rows)
        if self.function is not None:
            g, order = self.function, int(max(map(sum, self.coefficients)))
            return HermiteTarget.callable(lambda z: g(z @ turned), self.r, order)
        order = max(map(sum, self.coefficients))
        found, _ = _expanded(lambda z: _series(self.coefficients, z @ turned), self.r, order)
        return HermiteTarget(found, weights=self.weights, directions=rows)


def _checked(terms: Any, name: str) -> dict[Index, float]:
    """Return terms with tuples of equal length as keys and finite numbers as values."""
    if not isinstance(terms, Mapping):
        raise TypeError(
            f"{name}={checks.show(terms)} must be a mapping of multi-indices, as {{(1, 0): 1.0}}."
        )
    found: dict[Index, float] = {}
    for key, value in terms.items():
        entries = key if isinstance(key, tuple) else (key,)
        where = f"a multi-index of {name}"
        beta = tuple(checks.whole_number(each, where) for each in entries)
        if found and len(beta) != (r := len(next(iter(found)))):
            raise ValueError(
                f"{name} has {beta!r} beside multi-indices of length {r}; give each the same "
                "length, with a zero for a coordinate that does not occur."
            )
        found[beta] = checks.finite_number(value, f"{name}[{key!r}]")
    return found


def _series(coefficients: Mapping[Index, float], z: Array) -> Array:
    """Return Σ_β g_β He_β(z) (n,)."""
    if not coefficients:
        return np.zeros(len(z))
    dense = np.zeros(np.max([*coefficients], axis=0) + 1)
    for beta, value in coefficients.items():
        dense[beta] = value
    values = np.broadcast_to(dense[..., None], (*dense.shape, len(z)))
    for axis in z.T:
        values = hermite_e.hermeval(axis, values, tensor=False)
    return np.asarray(values)


def _expanded(
    function: Callable[[Array], Any], r: int, order: int
) -> tuple[dict[Index, float], float]:
    """Return the Hermite coefficients up to a degree, and E of the square, by quadrature."""
    from scipy.special import roots_hermitenorm

    nodes, weights = roots_hermitenorm(2 * order + 2)
    weights = weights / weights.sum()
    z = np.stack(np.meshgrid(*[nodes] * r, indexing="ij"), axis=-1).reshape(-1, r)
    values = checks.real_array(function(z), "g(z)", 1)
    if values.shape != (len(z),):
        raise ValueError(
            f"g(z) has shape {values.shape} for z of shape {z.shape}; return one target for each "
            "row, (n,)."
        )
    shaped = values.reshape((len(nodes),) * r)
    square = reduce(lambda rest, _: weights @ rest, range(r), shaped**2)
    basis = _normalised(nodes, order) * weights
    for _ in range(r):  # contracts the first axis, and puts its degree last
        shaped = np.tensordot(shaped, basis, axes=(0, 1))
    large = NOTHING * float(np.abs(shaped).max())
    found = {
        beta: float(value) / math.sqrt(factorial(beta))
        for beta, value in np.ndenumerate(shaped)
        if sum(beta) <= order and abs(value) > large
    }
    return found or {(0,) * r: 0.0}, float(square)


def _normalised(z: Array, order: int) -> Array:
    """Return He_j(z)/√j! for j up to `order`, (order + 1, n)."""
    rows = [np.ones_like(z), z]
    for j in range(1, order):
        rows.append((z * rows[j] - math.sqrt(j) * rows[j - 1]) / math.sqrt(j + 1))
    return np.array(rows[: order + 1])


def factorial(beta: Index) -> int:
    """Return β! = Π β_i!."""
    return math.prod(map(math.factorial, beta))


def refuse_high_degrees(target: HermiteTarget) -> None:
    """Raise if the mean square of a Hermite polynomial does not fit a float64."""
    if (highest := max(map(sum, target.coefficients), default=0)) > HIGHEST:
        raise ValueError(
            f"target has the Hermite degree {highest}, and the factorials of degrees above "
            f"{HIGHEST} do not fit a float64; leave such terms out."
        )
