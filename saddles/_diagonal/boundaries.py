"""Where the clocks of a diagonal network of any depth ring, from its initial weights.

Pesme and Flammarion (2023, arXiv:2304.00488) for depth 2; arXiv:2607.12332 for boundaries in
general; the closed forms by Carlson's symmetric elliptic integral R_F (DLMF 19.16). Gradient flow
of β_i = Π_j w_ij from w_ij = α a_ij conserves w_ij² − w_ik². So a coordinate has one scalar: z, its
smallest weight. With z in units of α, and S the integral of its gradient in scaled time,

    dz/dS = Π_{j≥2} (z² + μ_j²)^½,   μ_j² = b_j² − b_1²,   b_1 ≤ … ≤ b_D the sizes |a_ij|.

z reaches infinity at a finite S, the boundary. From weights of sizes b, on the side of the sign
that β has already, it is

    near(b) = ½ ∫_0^∞ Π_j (x + b_j²)^{−½} dx,

and on the other side, where z crosses 0 first, 2 near(0, μ_2, …, μ_D) − near(b).

===============  ======================================================================
code name        symbol
===============  ======================================================================
``sizes``        b, sorted, shape (D, d)
``spreads``      0 and μ_j, shape (D, d)
``depth``        D
===============  ======================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles.typing import Array, ArrayLike

__all__ = ["FORMS", "Start", "boundaries", "near", "spreads"]

#: The networks: a product of D weights, or the difference of the D-th powers of two.
FORMS = ("product", "difference")

#: Spacing of the trapezoidal rule over log z, times √D. Its integrand is analytic where
#: |Im log z| < π/2, and narrows like 1/√D: the error is below e^{−2π (π/2)/0.22} = 4e-20 at D = 5.
SPACING = 0.45

#: Tails that are left out are below e^{−38} = 3e-17 of the integral.
TAIL = 38.0

#: Number of values of the integrand that are held at a time.
TOGETHER = 2**20


@dataclass(frozen=True, eq=False)
class Start:
    """Initial weights of a diagonal network, checked.

    Attributes
    ----------
    depth : int
        D.
    form : {"product", "difference"}
        One of `FORMS`.
    init : ndarray of shape (D, d) or (2, d)
        Weights over α of a product, or u and v of a difference; d is 1 where one shape serves all.
    columns : bool
        Whether coordinates have shapes of their own.
    """

    depth: int
    form: str
    init: Array
    columns: bool = False

    @classmethod
    def of(cls, depth: Any, init: Any, form: Any, n_features: int | None = None) -> Start:
        """Check the arguments of users, all of which may be None but `form`."""
        checks.one_of(form, "form", FORMS)
        depth = None if depth is None else checks.depth(depth)
        if init is None:
            depth = depth or 2
            default = [1.0] * (depth - 1) + [0.0] if form == "product" else [1.0, 1.0]
            return cls(depth, form, np.array(default)[:, None])
        weights = checks.real_array(init, "init", (1, 2))
        columns = weights.ndim == 2
        weights = weights if columns else weights[:, None]
        if weights.shape[1] != 1 and n_features not in (None, weights.shape[1]):
            raise ValueError(
                f"init has shape {weights.shape}, but X has {n_features} features: give one column "
                "for each feature, or a vector that serves all of them."
            )
        if form == "difference":
            return cls(depth or 2, form, _checked_pair(weights), columns)
        if depth not in (None, len(weights)):
            raise ValueError(
                f"depth={depth!r}, but init has {len(weights)} layers: init must have shape "
                f"({depth},) or ({depth}, d); leave one of the two out."
            )
        depth = checks.depth(len(weights))
        return cls(depth, form, _checked(weights), columns)

    def boundaries(self) -> tuple[Array, Array]:
        """Return t⁺ and t⁻, each of shape (d,) or (1,)."""
        if self.form == "difference":
            plus, minus = (_of_power(part, self.depth) for part in self.init)
            return self._held(plus), self._held(minus)
        sizes = np.sort(np.abs(self.init), axis=0)
        own, other, tied = near(sizes), near(spreads(sizes)), sizes[0] == sizes[1]
        own, other = self._held(own), self._held(np.where(tied, 1.0, 2 * other - own))
        other[tied] = math.inf
        turned = np.signbit(self.init).sum(axis=0) % 2 == 1
        return np.where(turned, other, own), np.where(turned, own, other)

    def _held(self, boundary: Array) -> Array:
        """Return boundaries (d,) if a float64 holds them."""
        lost = ~((boundary >= checks.SMALLEST_BOUNDARY) & (boundary <= checks.LARGEST_BOUNDARY))
        if lost.any():
            where = int(np.argmax(lost))
            weights = self.init[:, where]
            raise ValueError(
                f"init[:, {where}]={checks.show(weights)} of depth {self.depth} rings at "
                f"{float(boundary[where])!r}, too far from 1 for a float64; multiply init by a "
                "factor and divide alpha by it."
            )
        return boundary


def boundaries(
    init: ArrayLike | None = None, *, depth: int | None = None, form: str = "product"
) -> tuple[Any, Any]:
    """Return the values of the clocks at which coordinates of a diagonal network activate.

    Parameters
    ----------
    init : array_like of shape (D,) or (D, d), optional
        Initial weights over α, one layer per row and one coordinate per column. A vector stands for
        one coordinate, or for all. By default it is (1, …, 1, 0), from which both signs are learnt
        alike. For ``form="difference"`` the shape is (2,) or (2, d), and the rows are u and v, by
        default 1 and 1.
    depth : int, optional
        Depth D, at least 2. By default it is that of `init`, and 2 without one.
    form : {"product", "difference"}
        β = w_1 w_2 ⋯ w_D with a weight in each layer, or β = u^D − v^D.

    Returns
    -------
    t_plus, t_minus : ndarray of shape (d,), or float for one coordinate
        Integral of the gradient at which a coordinate becomes positive, or negative, in scaled time
        ``t * alpha**(depth - 2)`` (``t / log(1/alpha)`` for depth 2). Infinity means that this sign
        is never learnt. It occurs if the two smallest weights of a product have the same size.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy. In a product at most one weight
        of a coordinate may be 0, since with two the coordinate never moves.

    Notes
    -----
    For depth 3 and 4 the integral is Carlson's R_F. From depth 5 on it is hyperelliptic, and is
    computed by quadrature to rounding.

    Examples
    --------
    >>> import saddles
    >>> plus, minus = saddles.boundaries([1.0, 1.0, 0.0])
    >>> round(float(plus), 12), round(float(minus), 12)
    (1.570796326795, 1.570796326795)
    >>> [float(side) for side in saddles.boundaries([1.0, 1.0, 1.0])]
    [1.0, inf]
    >>> [float(side) for side in saddles.boundaries(depth=4, form="difference")]
    [0.125, 0.125]
    """
    start = Start.of(depth, init, form)
    plus, minus = start.boundaries()
    return (plus, minus) if start.columns else (plus[0], minus[0])


def near(sizes: Array) -> Array:
    """Return the boundary (d,) on the side of β's own sign, of weights of sizes (D, d), sorted.

    Infinite where the two smallest are 0.
    """
    largest = np.where(sizes[-1] > 0, sizes[-1], 1.0)
    found: Array = np.asarray(_near(sizes / largest))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return np.asarray(found * largest ** (2.0 - len(sizes)))


def spreads(sizes: Array) -> Array:
    """Return the sizes (D, d) that the weights have where the smallest of them crosses 0."""
    apart = np.sqrt(sizes - sizes[0]) * np.sqrt(sizes + sizes[0])
    return np.where(sizes[0] == 0, sizes, apart)  # to the last digit, for both sides are alike


def _near(b: Array) -> Any:
    """Return the same of sizes of which the largest is 1."""
    from scipy.special import elliprf

    if len(b) == 2:  # growth is exponential, and its clock logarithmic: sizes wash out
        return np.ones(b.shape[1])
    if len(b) == 3:
        return elliprf(*b**2)
    if len(b) == 4:
        pairs = (b[0] * b[1] + b[2] * b[3], b[0] * b[2] + b[1] * b[3], b[0] * b[3] + b[1] * b[2])
        return elliprf(*(pair**2 for pair in pairs))
    step = max(1, TOGETHER // (len(b) * 1000))
    parts = [_by_quadrature(b[:, k : k + step]) for k in range(0, b.shape[1], step)]
    return np.concatenate(parts)


def _by_quadrature(b: Array) -> Array:
    """Return ∫_0^∞ s Π_j (s² + b_j²)^{−½} ds, by the trapezoidal rule over log s.

    Below b_2 the integrand over log s falls at least like s, above b_D like s^{2−D}.
    """
    spacing, tied = SPACING / math.sqrt(len(b)), b[1] == 0
    b = np.where(tied, 1.0, b)
    bottom = np.log(b[1]) - TAIL
    top = TAIL / (len(b) - 2)
    count = math.ceil((top - float(bottom.min())) / spacing)
    s = np.exp(bottom + spacing * np.arange(count)[:, None])
    terms = s * s
    with np.errstate(over="ignore"):  # of sizes of at most 1: then the integral overflows too
        for layer in b:
            terms = terms / np.hypot(s, layer)
    return np.where(tied, math.inf, spacing * terms.sum(axis=0))


def _of_power(size: Array, depth: int) -> Array:
    """Return the boundary (d,) of u^D: u' = D u^{D−1} g."""
    if depth == 2:
        return np.full(size.shape, 0.5)
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(size ** (2.0 - depth) / (depth * (depth - 2)))


def _checked(init: Array) -> Array:
    """Return the weights (D, d) of a product; no coordinate may rest for ever."""
    dead = (init == 0).sum(axis=0) > 1
    if dead.any():
        where = int(np.argmax(dead))
        raise ValueError(
            f"init[:, {where}]={checks.show(init[:, where])} has two zeros, so that this "
            "coordinate never moves; at most one weight of a coordinate may be 0."
        )
    return init


def _checked_pair(init: Array) -> Array:
    """Return u and v (2, d) of a difference."""
    if len(init) != 2 or not (init > 0).all():
        raise ValueError(
            f"init={checks.show(init)} has shape {init.shape}; with form='difference' it must hold "
            "u and v, all above 0, in shape (2,) or (2, d)."
        )
    return init
