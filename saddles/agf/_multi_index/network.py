"""Neurons on a multi-index target: the loss of the whole population, in closed form.

The network f(x) = Σ_i a_i σ(w_i·x) is trained on L = ½ E(y − f(x))² with y = g(Uᵀx). The first r
coordinates of x are z = Uᵀx; every other frame is a rotation of this one, and the flow of x ~ N(0,
I) does not see it. With the correlations of `kernels`,

    L = ½ E y² − Σ_i a_i T(w_i) + ½ Σ_ij a_i a_j K(w_i, w_j).

Inputs of another covariance Σ are x = Σ^{1/2} ξ. There w is seen through w̃ = B w, where the first
r rows of B Σ^{-1/2} span Σ^{1/2} U; the target becomes g(Rᵀz̃).

Neurons stay in the span of U and of their initial weights. So d inputs reduce to r + H at most.
With a covariance they stay in the least space that holds this span and that Σ maps to itself.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``theta``        θ = (a, w), one neuron per row, (H, 1 + d)
``frame``        B, (d, d), or None for x ~ N(0, I)
``term``         T of the Hermite series;  ``teachers`` b and their directions, (m, d)
===============  ==========================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools.record import Record
from saddles.agf._multi_index.activation import Activation, lacking, named
from saddles.agf._multi_index.kernels import Pairs, Term, lengths_and_units
from saddles.agf._multi_index.target import (
    HermiteTarget,
    Index,
    factorial,
    refuse_high_degrees,
)
from saddles.typing import Array, ArrayLike

__all__ = ["MultiIndex"]

#: An eigenvalue of a covariance this small beside the largest is none.
SINGULAR = 1e-12
#: Eigenvalues of a covariance that differ by less, relative to the largest, are equal; a direction
#: of this length is none.
EQUAL = 1e-12
#: A network that learns from teachers is reported by its Hermite coefficients up to this degree.
SHOWN = 2


@dataclass(frozen=True, eq=False)
class MultiIndex(Record):
    """Neurons a σ(w·x) that learn a multi-index target from the whole population.

    It is a `saddles.homogeneous.HomogeneousNetwork` with second derivatives, of degree k + 1 and
    with 1 + d parameters per neuron: a, then w, of which the first r entries belong to z.

    Parameters
    ----------
    target : HermiteTarget
        The target, a function of the first r of the d coordinates of x.
    d : int, optional
        Number of inputs, at least r; by default that of `covariance`, or r.
    activation : str, Homogeneous or Spherical, optional
        "linear", "relu", "leaky" (slope 0.01), "abs", "quadratic", "relu2", "cubic" or "relu3"; or
        any other homogeneous one.
    covariance : array_like of shape (d, d), optional
        Σ of the inputs, positive definite; by default the identity.

    Raises
    ------
    TypeError, ValueError
        For bad input, with the rule and the remedy; among it a target that is orthogonal to every
        neuron, for the activation lacks its Hermite degrees.

    Examples
    --------
    Two ReLU teachers, and the loss of no neurons and of the teachers themselves:

    >>> from saddles.agf import HermiteTarget, MultiIndex
    >>> network = MultiIndex(HermiteTarget.teacher([1.0, 1.0], [[1.0, 0.0], [0.0, 1.0]]), 3)
    >>> theta = [[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0]]
    >>> import numpy as np
    >>> network.loss(np.empty((0, 4))).__round__(6), abs(network.loss(theta)) < 1e-15
    (0.659155, True)
    """

    target: HermiteTarget
    d: Any = None
    activation: Any = field(default="relu", kw_only=True)
    covariance: Any = field(default=None, kw_only=True)

    kind = "coefficients"

    def __post_init__(self) -> None:
        target, activation = self.target, named(self.activation)
        if not isinstance(target, HermiteTarget):
            raise TypeError(
                f"target={checks.show(target)} must be a saddles.agf.HermiteTarget, for instance "
                "HermiteTarget({(1, 0): 1.0, (1, 1): 1.0})."
            )
        _learnable(target, activation, self.activation)
        _moderate(target, activation)
        covariance, d = self.covariance, self.d
        if covariance is not None:
            covariance = _positive(covariance)
            d = len(covariance) if d is None else d
        d = checks.whole_number(target.r if d is None else d, "d", least=1)
        if d < target.r:
            raise ValueError(
                f"d={d!r} is below r={target.r!r}, the number of coordinates of the target; give "
                "at least as many inputs."
            )
        if covariance is not None and len(covariance) != d:
            raise ValueError(
                f"covariance has shape {covariance.shape} and d={d!r}; give a (d, d) one, or leave "
                "d out."
            )
        for name, value in (("activation", activation), ("covariance", covariance), ("d", d)):
            object.__setattr__(self, name, value)

    @property
    def degree(self) -> int:
        """Return κ = k + 1."""
        return int(self.activation.k) + 1

    @property
    def size(self) -> int:
        """Return 1 + d, the number of parameters of one neuron."""
        return int(self.d) + 1

    @property
    def conserved(self) -> Array:
        """Weights of k a² − |w|², which the flow conserves in each neuron, (1 + d,)."""
        return np.array([float(self.activation.k), *[-1.0] * int(self.d)])

    @cached_property
    def _root(self) -> Array:
        """Σ^{1/2}, (d, d)."""
        values, vectors = np.linalg.eigh(self.covariance)
        return np.asarray((vectors * np.sqrt(values)) @ vectors.T)

    @cached_property
    def _frame(self) -> tuple[Array, HermiteTarget] | None:
        """B and the target of z̃, or None for Σ = I."""
        if self.covariance is None:
            return None
        r = self.target.r
        whole, turned = np.linalg.qr(self._root[:, :r], mode="complete")
        return np.asarray(whole.T @ self._root), self.target.composed(turned[:r])

    @cached_property
    def _seen(self) -> HermiteTarget:
        """The target of white inputs."""
        return self.target if self._frame is None else self._frame[1]

    @cached_property
    def _term(self) -> Term:
        return Term(self._seen, self.activation)

    @cached_property
    def _teachers(self) -> Array:
        """Directions of the teachers (m, d)."""
        rows = self._seen.directions
        return np.pad(rows, ((0, 0), (0, self.d - rows.shape[1])))

    @cached_property
    def power(self) -> float:
        """E y²."""
        b, rows = self._seen.weights, self._teachers
        series = sum(v * v * float(factorial(e)) for e, v in self._seen.coefficients.items())
        teachers = b @ Pairs(self.activation, rows, rows).value() @ b
        return float(series + teachers + 2 * b @ self._term.value(rows))

    @cached_property
    def floor(self) -> float:
        """The part of the loss in Hermite degrees that the activation lacks."""
        known = self._seen.coefficients
        missing = set(lacking(self.activation, {sum(beta) for beta in known}))
        return sum(v * v * float(factorial(e)) for e, v in known.items() if sum(e) in missing) / 2

    def _split(self, theta: ArrayLike) -> tuple[Array, Array]:
        """Return a (H,) and w̃ (H, d)."""
        known = isinstance(theta, np.ndarray) and theta.dtype == float
        rows = np.asarray(theta if known else checks.numbers(theta, "theta"), dtype=float)
        if rows.ndim != 2 or rows.shape[1] != self.size:
            raise ValueError(
                f"theta has shape {rows.shape}; a neuron has {self.size} parameters, so it must be "
                f"(H, {self.size})."
            )
        w = rows[:, 1:]
        return rows[:, 0], w if self._frame is None else w @ self._frame[0].T

    def _raw(self, slope: Array) -> Array:
        """Return slopes over w (…, d), given those over w̃."""
        return slope if self._frame is None else np.asarray(slope @ self._frame[0])

    def _beside(self, active: ArrayLike) -> tuple[Array, Array]:
        """Return weights and directions of the neurons in the residual: teachers, active ones."""
        a, w = self._split(active)
        return np.concatenate([self._seen.weights, -a]), np.vstack([self._teachers, w])

    def loss(self, theta: ArrayLike, /) -> float:
        """Return L of these neurons (H, 1 + d)."""
        a, w = self._split(theta)
        everywhere = self._term.value(w)
        everywhere += Pairs(self.activation, w, self._teachers).value() @ self._seen.weights
        inner = a @ Pairs(self.activation, w, w).value() @ a
        # A mean of squares, so whatever is below 0 is rounding.
        return max(float(self.power / 2 - a @ everywhere + inner / 2), 0.0)

    def gradient(self, theta: ArrayLike, /) -> Array:
        """Return ∂L/∂θ, (H, 1 + d)."""
        return -self.utility_gradient(theta, theta)

    def utility(self, theta: ArrayLike, active: ArrayLike, /) -> Array:
        """Return a E r σ(w·x) of each neuron (H,), r the residual beside the active ones."""
        a, w = self._split(theta)
        b, rows = self._beside(active)
        pairs = Pairs(self.activation, w, rows)
        return np.asarray(a * (self._term.value(w) + pairs.value() @ b))

    def utility_gradient(self, theta: ArrayLike, active: ArrayLike, /) -> Array:
        """Return the derivatives of `utility` by a and w, (H, 1 + d)."""
        a, w = self._split(theta)
        b, rows = self._beside(active)
        value, slope = self._term.slope(w)
        pairs = Pairs(self.activation, w, rows)
        value, slope = value + pairs.value() @ b, slope + pairs.pull(b)
        return np.column_stack([value, a[:, None] * self._raw(slope)])

    def hessian(self, theta: ArrayLike, basis: ArrayLike, /) -> Array:
        """Return ∂²L/∂z∂z (Hm, Hm), where neuron i is ``theta[i] + basis @ z[i]``."""
        a, w = self._split(theta)
        count, seen = len(a), np.array(basis, dtype=float)
        b, rows = self._beside(theta)
        pairs, beside = Pairs(self.activation, w, w), Pairs(self.activation, w, rows)
        first = self._term.slope(w)[1] + beside.pull(b)
        second = self._term.bend(w) + beside.bend(b)
        slopes = pairs.slopes()
        every = np.zeros((count, count, self.size, self.size))
        every[..., 0, 0] = pairs.value()
        every[..., 1:, 0] = a[:, None, None] * slopes
        every[..., 0, 1:] = a[None, :, None] * slopes.transpose(1, 0, 2)
        every[..., 1:, 1:] = np.multiply.outer(a, a)[..., None, None] * pairs.mixed()
        own = np.arange(count)
        every[own, own, 1:, 0] -= first
        every[own, own, 0, 1:] -= first
        every[own, own, 1:, 1:] -= a[:, None, None] * second
        if self._frame is not None:
            seen[1:] = self._frame[0] @ seen[1:]
        m = seen.shape[1]
        return np.asarray((seen.T @ every @ seen).transpose(0, 2, 1, 3).reshape(count * m, -1))

    @cached_property
    def indices(self) -> tuple[Index, ...]:
        """The multi-indices β whose Hermite coefficients make a function-space point."""
        if not len(self.target.weights):
            return tuple(self._seen.coefficients)
        known = self._seen.hermite(self.activation, SHOWN)
        return tuple(sorted({*known, *self._seen.coefficients}, key=lambda e: (sum(e), e)))

    def point(self, theta: ArrayLike, /) -> Array:
        """Return the network's Hermite coefficients f_β over He_β(z), one for each of `indices`.

        With a covariance they are those over the white coordinates z̃.
        """
        a, w = self._split(theta)
        lengths, units = lengths_and_units(w)
        sizes, known = a * lengths**self.activation.k, self.activation
        found = []
        for beta in self.indices:
            j = sum(beta)
            share = known.normalised(j)[j] * np.sqrt(float(factorial((j,)))) / factorial(beta)
            found.append(share * (sizes @ np.prod(units[:, : len(beta)] ** beta, axis=1)))
        return np.array(found)

    def overlaps(self, theta: ArrayLike) -> Array:
        """Return v = Uᵀw/|w| of neurons (H, 1 + d), shape (H, r); zero where w is.

        Parameters
        ----------
        theta : array_like of shape (H, 1 + d)
            Neurons.
        """
        rows = checks.numbers(theta, "theta")
        if rows.size or rows.ndim != 2:
            rows = checks.real_array(rows, "theta", 2)
        self._split(rows)
        return lengths_and_units(rows[:, 1:])[1][:, : self.target.r]

    def reduced(self, init: ArrayLike) -> tuple[MultiIndex, Array]:
        """Return the same flow on fewer inputs: the network there, and its neurons.

        Neurons stay in the least space that holds U and their initial weights and that Σ maps to
        itself: r + H dimensions at most for Σ = I, and that many for each eigenvalue of Σ. The new
        coordinates are those of an orthonormal basis of it, which begins with U.

        Parameters
        ----------
        init : array_like of shape (H, 1 + d)
            Initial neurons.

        Returns
        -------
        tuple of MultiIndex and ndarray
            The network on d' inputs and its neurons (H, 1 + d'); both as they are if no space is
            smaller.

        Raises
        ------
        TypeError, ValueError
            For bad input, with the rule and the remedy.
        """
        rows, r = checks.neurons(init, "init", self.size), self.target.r
        if self.covariance is not None:
            return self._invariant(rows)
        if self.d <= r + len(rows):
            return self, rows
        found = np.hstack([rows[:, : 1 + r], _coordinates(rows[:, 1 + r :])])
        return MultiIndex(self.target, r + len(rows), activation=self.activation), found

    def _invariant(self, rows: Array) -> tuple[MultiIndex, Array]:
        """Return `reduced` for a covariance: what each of its eigenspaces has of U and w."""
        values, vectors = np.linalg.eigh(self.covariance)
        starts = np.eye(self.d)[: self.target.r]
        held = np.vstack([starts, rows[:, 1:] / np.linalg.norm(rows, axis=1, keepdims=True)])
        apart = np.flatnonzero(np.diff(values) > EQUAL * values[-1]) + 1
        parts = [_span((held @ each) @ each.T) for each in np.split(vectors, apart, axis=1)]
        space = np.vstack(parts)
        if len(space) == self.d:
            return self, rows
        beside = _span(space - (space @ starts.T) @ starts)
        basis = np.vstack([starts, beside])
        inner = basis @ self.covariance @ basis.T
        network = MultiIndex(self.target, activation=self.activation, covariance=inner)
        return network, np.hstack([rows[:, :1], rows[:, 1:] @ basis.T])

    def sample(self, n: int, seed: int = 0) -> tuple[Array, Array]:
        """Return inputs X (n, d) and targets y (n,), drawn.

        Parameters
        ----------
        n : int
            Number of samples.
        seed : int, optional
            Seed of the draw.
        """
        n, seed = checks.whole_number(n, "n", least=1), checks.whole_number(seed, "seed")
        X = np.random.default_rng(seed).standard_normal((n, self.d))
        if self.covariance is not None:
            X = X @ self._root
        return X, self.target.values(X[:, : self.target.r], self.activation)


def _learnable(target: HermiteTarget, activation: Activation, given: Any) -> None:
    """Raise if no neuron has anything to do with the target."""
    degrees = {sum(beta) for beta, value in target.coefficients.items() if value}
    if not (degrees or target.weights.any()):
        raise ValueError(f"target={checks.show(target)} is zero; give it a term.")
    if len(target.weights) or set(lacking(activation, degrees)) != degrees:
        return
    lacks = ", ".join(map(str, sorted(degrees)))
    raise ValueError(
        f"target has the Hermite degrees {lacks} alone, and activation={given!r} has "
        "none of them: it is orthogonal to every neuron. Give an activation that has one, such as "
        "saddles.agf.Spherical(k, coefficients)."
    )


def _moderate(target: HermiteTarget, activation: Activation) -> None:
    """Raise unless the mean square of each part fits a float64."""
    refuse_high_degrees(target)
    norms = np.log(np.linalg.norm(target.directions, axis=1)) * activation.k
    teachers = zip(target.weights, norms.tolist(), strict=True)
    sizes = [math.log(abs(b)) + norm for b, norm in teachers if b]
    sizes += [
        math.log(abs(v)) + math.log(factorial(beta)) / 2
        for beta, v in target.coefficients.items()
        if v
    ]
    most, limit = max(sizes), checks.MODERATE / 2 * math.log(10)
    if not -limit <= most <= limit:
        raise ValueError(
            f"target={checks.show(target)} has parts whose root mean square is "
            f"1e{most / math.log(10):+.0f}, and squares of it overflow or underflow; multiply it "
            "by a constant."
        )


def _coordinates(rows: Array) -> Array:
    """Return rows (H, m), m > H, over an orthonormal basis of their span, (H, H)."""
    return np.asarray(np.linalg.qr(rows.T, mode="r")).T


def _span(rows: Array) -> Array:
    """Return an orthonormal basis of the span of rows (n, d), (m, d)."""
    _, sizes, axes = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(axes[sizes > EQUAL])


def _positive(covariance: Any) -> Array:
    """Return a covariance that is symmetric and positive definite."""
    found = checks.symmetric(covariance, "covariance")
    values = np.linalg.eigvalsh(found)
    if not values[0] > SINGULAR * values[-1]:
        raise ValueError(
            f"covariance has the eigenvalue {float(values[0])!r}; it must be positive definite, so "
            "drop directions in which inputs do not vary."
        )
    return found
