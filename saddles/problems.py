"""The problems that algorithms solve: frozen data that validates itself.

=================  ==================================================
code name          symbol
=================  ==================================================
``X``              X, features, shape (n, d)
``y``              y, targets, shape (n,)
``n_samples``      n, the divisor of the mean loss
``loss(beta)``     L = |y − Xβ|² / (2n)
``gradient(beta)`` ∇L = −Xᵀ(y − Xβ) / n
=================  ==================================================
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from saddles import checks
from saddles._features import Dense, Features, Sparse
from saddles._gram import factor_moments
from saddles.alternation import Breakdown
from saddles.status import Status
from saddles.typing import Array, ArrayLike, Indices

__all__ = ["Regression", "as_regression"]

#: A quantity this small, relative to the largest it could be, is a zero that rounding disturbed:
#: a quarter of a float64's digits is left to rounding, and small integer data stay well above it.
ZERO = float(np.finfo(float).eps ** 0.75)

#: What rounding moves a clock by, as a share of what is tolerated of it: eps to `ZERO`.
ROUNDING_SHARE = float(np.finfo(float).eps) / ZERO

#: Relative uncertainty of a jump time from which on a path is not continued.
TIME_TOLERANCE = 1e-6

#: Columns whose largest entry is smaller, or larger than its inverse, are rescaled.
EXTREME = 1e-100


#: Below this the inverse of a column's size overflows.
SMALLEST_COLUMN = 1e-300

#: A feature that varies by less than this, relative to its size, is constant but for rounding.
CONSTANT = 1e-13

#: Below this the square of a target underflows, and with it the loss.
SMALLEST_TARGET = 1e-153

#: Below this the weights lose digits or the loss overflows.
SMALLEST_WEIGHT = 1e-100


@dataclass(frozen=True, eq=False, init=False)
class Regression:
    """Linear regression with the mean loss ``|y - X beta|^2 / (2 n)``.

    Parameters
    ----------
    X : array_like or scipy.sparse array of shape (n, d)
        Features. Used as they are: nothing is centred or scaled, and nothing copied if they are
        float64, float32 or sparse CSC already, so leave the array alone as long as the problem is
        in use.
    y : array_like of shape (n,)
        Targets.
    sample_weight : array_like of shape (n,), optional
        Non-negative weights; a whole number w counts as w copies of the sample, so the loss is
        ``sum(w * (y - X beta)^2) / (2 sum(w))``.
    centre : bool
        Whether to take their (weighted) means from the targets and from every feature. Sparse
        features stay sparse: their means are kept beside them.

    Attributes
    ----------
    X, y : ndarray of shape (n, d) and (n,)
        The data, each row multiplied by the square root of its weight; `X` is a
        ``scipy.sparse.csc_array``, not centred, if sparse features were given.
    n_samples : float
        The divisor n of the mean loss: the number of rows, or the sum of the weights.
    rounding : float
        Correlations with the targets below this are rounding of the data; 0 for data as given.
    features : Features
        `X` as it is read, column by column, and centred if that was asked for.
    sizes : tuple of two ndarrays of shape (d,)
        Largest magnitude that is stored of each feature, and its norm.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy.

    Examples
    --------
    >>> from saddles import Regression
    >>> problem = Regression([[1.0, 0.0], [0.0, 2.0]], [1.0, 1.0])
    >>> problem.loss([1.0, 0.0])
    0.25
    """

    # Not one field is for `dataclasses.replace` to set: weights would be applied twice.
    X: Any = field(init=False)
    y: Array = field(init=False)
    sample_weight: Array | None = field(init=False)
    n_samples: float = field(init=False)
    rounding: float = field(init=False)
    features: Features = field(init=False, repr=False)
    sizes: tuple[Array, Array] = field(init=False, repr=False)

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        centre: bool = False,
    ) -> None:
        X, y = checks.features(X, "X"), checks.real_array(y, "y", 1)
        features: Features = Sparse(X) if hasattr(X, "toarray") else Dense(X)
        sizes = features.sizes()
        _check_sizes(X, sizes[0])
        checks.same_length(X, "X", y, "y")
        checks.large_enough(np.abs(y).max(keepdims=True), "y", "y", SMALLEST_TARGET)
        weight, n_samples = None, float(X.shape[0])
        if sample_weight is not None:
            weight = _checked_weights(sample_weight, y)
            n_samples = float(weight.sum())
        if weight is not None or centre:
            features, y, sizes = _prepared(X, y, weight, centre, sizes)
        fields = {"X": features.X, "y": y, "sample_weight": weight, "n_samples": n_samples}
        fields |= {"rounding": 0.0, "features": features, "sizes": sizes}
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_gram(cls, gram: ArrayLike, xty: ArrayLike, yty: float, n_samples: float) -> Regression:
        """Build the problem from its second moments alone.

        Every path depends on the data only through XᵀX, Xᵀy and yᵀy, but moments hold half the
        digits: columns nearer to each other than about 1e-7 count as dependent. The problem
        returned holds a
        triangular factor of the Gram matrix in the place of X, with as many rows as its rank plus
        one, so that no algorithm ever works with the normal equations; dual points then live in
        that factor's row space.

        Parameters
        ----------
        gram : array_like of shape (d, d)
            XᵀX: symmetric, positive semi-definite.
        xty : array_like of shape (d,)
            Xᵀy: must lie in the range of `gram`.
        yty : float
            yᵀy.
        n_samples : float
            The divisor n of the mean loss.

        Raises
        ------
        TypeError, ValueError
            If no data can have these moments, with the value that shows it.

        Examples
        --------
        >>> import numpy as np, saddles
        >>> X, y = np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([1.0, 0.0])
        >>> problem = saddles.Regression.from_gram(X.T @ X, X.T @ y, y @ y, 2)
        >>> saddles.pesme_flammarion(problem).times.round(9).tolist()
        [0.0, 2.0, 12.0]
        """
        gram, xty = checks.real_array(gram, "gram", 2), checks.real_array(xty, "xty", 1)
        yty = checks.real_number(
            yty, "yty", "y'y must be finite and >= 0", lambda v: 0 <= v < 1e307
        )
        n_samples = checks.real_number(
            n_samples, "n_samples", "it must be finite and above 0", lambda v: 0 < v < np.inf
        )
        X, y = factor_moments(gram, xty, yty)
        problem = cls(X, y)
        object.__setattr__(problem, "n_samples", n_samples)
        # A gradient read off moments carries the rounding of Xᵀy, however small the residual is.
        object.__setattr__(problem, "rounding", ZERO)
        return problem

    @property
    def n_features(self) -> int:
        """Number of features d."""
        return int(self.X.shape[1])

    def residual(self, beta: ArrayLike) -> Array:
        """Return the residual y − Xβ, shape (n,)."""
        point = np.asarray(beta, dtype=float)
        if point.shape != (self.n_features,):
            raise ValueError(
                f"beta has shape {point.shape}; it must have one entry per feature, "
                f"({self.n_features},)."
            )
        return np.asarray(self.y - self.features.combined(point))

    def loss(self, beta: ArrayLike) -> float:
        """Return the mean loss |y − Xβ|² / (2n)."""
        residual = self.residual(beta)
        return float(residual @ residual / (2 * self.n_samples))

    def gradient(self, beta: ArrayLike) -> Array:
        """Return the gradient of the mean loss, −Xᵀ(y − Xβ)/n, shape (d,)."""
        return np.asarray(-self.features.products(None, self.residual(beta))[0] / self.n_samples)

    def dense(self) -> Regression:
        """Return the problem with features that are a float64 array; sparse ones are refused."""
        if isinstance(self.features, Sparse):
            checks.refuse_sparse(self.X, "X")
        if self.X.dtype == np.float64:
            return self
        problem = copy(self)
        features = Dense(self.X.astype(np.float64))
        object.__setattr__(problem, "X", features.X)
        object.__setattr__(problem, "features", features)
        return problem


def as_regression(X: Any, y: ArrayLike | None, *, dense: bool = True) -> Regression:
    """Return `X` if it is a `Regression` (then `y` must be None), else build one from both.

    Unless `dense` is False its features are made a float64 array.
    """
    problem = _as_given(X, y)
    return problem.dense() if dense else problem


def _as_given(X: Any, y: ArrayLike | None) -> Regression:
    if isinstance(X, Regression):
        if y is not None:
            raise TypeError("y is already part of the Regression; leave it out.")
        return X
    if y is None:
        raise TypeError("y=None: give the targets, or a saddles.Regression in the place of X.")
    return Regression(X, y)


@dataclass(frozen=True, eq=False)
class InUnits:
    """A regression in units (powers of two, hence exact) in which no product can overflow.

    Attributes
    ----------
    X, y, n_samples
        Data with columns of moderate size and targets of order one.
    norms : ndarray of shape (d,)
        Norms of the columns of `X`.
    column_unit : ndarray of shape (d,)
        What the columns were divided by; 1 unless a column is extreme.
    target_unit : float
        What the targets were divided by.
    """

    features: Features
    y: Array
    norms: Array
    n_samples: float
    rounding: float
    column_unit: Array
    target_unit: float

    @classmethod
    def of(cls, problem: Regression) -> InUnits:
        """Return `problem` in its units; columns are copied only if one is extreme."""
        features, (largest, norms) = problem.features, problem.sizes
        extreme = (largest > 0) & ((largest < EXTREME) | (largest > 1 / EXTREME))
        unit = np.ones_like(largest)
        if extreme.any():
            unit[extreme] = np.exp2(np.frexp(largest[extreme])[1])
            features = features.divided(unit)
            norms = features.sizes()[1]
        target_unit = math.ldexp(1.0, math.frexp(np.abs(problem.y).max())[1])
        return cls(
            features=features,
            y=problem.y / target_unit,
            norms=norms,
            n_samples=problem.n_samples,
            rounding=problem.rounding,
            column_unit=unit,
            target_unit=target_unit,
        )

    @property
    def X(self) -> Any:
        """The features as they are stored."""
        return self.features.X

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of samples and features, (n, d)."""
        return self.features.shape

    def read_often(self) -> InUnits:
        """Return the same data, stored such that reading single columns is fast."""
        features = self.features.read_often()
        return self if features is self.features else replace(self, features=features)

    def columns(self, indices: Indices) -> Array:
        """Return columns of X, (n, m)."""
        return self.features.columns(indices)

    def products(self, indices: Indices | None, *vectors: Array) -> list[Array]:
        """Return x_i·v, (m,) for each of `vectors` and the columns at `indices` (None: all)."""
        return self.features.products(indices, *vectors)

    @cached_property
    def target_norm(self) -> float:
        """Return |y|."""
        return float(np.linalg.norm(self.y))

    def check_time(self, blur: float, time: float, jump: int) -> None:
        """Raise if rounding of clocks, at most `blur` in time, leaves too little of a jump's time.

        Clocks of features that are almost collinear differ by little more than their rounding, and
        move against each other as slowly.
        """
        share = ROUNDING_SHARE * blur / time
        if share > TIME_TOLERANCE:
            detail = f"the time of jump {jump} is known to a relative {share:.1g} only"
            raise Breakdown(Status.INACCURATE, detail)

    def resolution(self, size: float) -> float:
        """Return what rounding may leave of x·r, for unit x and a residual of norm `size`."""
        return max(ZERO * size, self.rounding * self.target_norm)

    @cached_property
    def rescaled(self) -> bool:
        """Whether columns were divided by other units than 1."""
        return bool((self.column_unit != 1).any())

    def betas(self, beta: Array, indices: Indices | None = None) -> Array:
        """Return coefficients (m,) of the columns at `indices` (None: all) in the user's units."""
        if not self.rescaled:
            return beta * self.target_unit
        unit = self.column_unit if indices is None else self.column_unit[indices]
        with np.errstate(over="ignore"):  # the loop ends a path with an infinite coefficient
            return beta * self.target_unit / unit

    def loss(self, residual: Array) -> float:
        """Return the mean loss of a residual (n,) in the user's units."""
        loss = float(residual.dot(residual)) / (2 * self.n_samples)
        return loss * self.target_unit * self.target_unit

    def time(self, time: float) -> float:
        """Return a time of the sum loss here as one of the mean loss in the user's units."""
        return time * self.n_samples / self.target_unit


def _check_sizes(X: Any, largest: Array) -> None:
    """Raise unless the entries of X, the largest of each column being given, can be used."""
    if not (largest <= checks.LARGEST).all():
        dense = X.toarray() if hasattr(X, "toarray") else X
        checks.refuse_bad_entries(np.asarray(dense, dtype=float), "X")
    checks.large_enough(largest, "X", "X[:, {}]", SMALLEST_COLUMN)


def _prepared(
    X: Any, y: Array, weight: Array | None, centre: bool, sizes: tuple[Array, Array]
) -> tuple[Features, Array, tuple[Array, Array]]:
    """Return features and targets with their weights applied and their means taken away.

    With them, the features' sizes; `sizes` are those of X.
    """
    ones = np.ones(y.shape[0]) if weight is None else np.sqrt(weight)
    if centre:
        y = y - y @ ones**2 / (ones @ ones)
    y = ones * y
    if hasattr(X, "toarray"):
        from scipy.sparse import diags_array

        X = X if weight is None else (diags_array(ones) @ X).tocsc()
        features: Features = Sparse(X, ones if centre else None)
    else:
        means = ones**2 @ X / (ones @ ones) if centre else 0.0
        features = Dense(ones[:, None] * (X - means))
    if not centre:
        return features, y, features.sizes()
    if weight is not None:
        sizes = (Sparse(X) if hasattr(X, "toarray") else Dense(ones[:, None] * X)).sizes()
    norms, sizes = sizes[1], features.sizes()
    if (constant := sizes[1] <= CONSTANT * norms).any():
        features = features.without(constant)
        sizes = features.sizes()
    return features, y, sizes


def _checked_weights(sample_weight: ArrayLike, y: Array) -> Array:
    weight = checks.real_array(sample_weight, "sample_weight", 1)
    checks.same_length(weight, "sample_weight", y, "y")
    if (weight < 0).any():
        where = int(np.argmax(weight < 0))
        raise ValueError(
            f"sample_weight[{where}]={float(weight[where])!r}: weights must be >= 0; drop such "
            "samples."
        )
    if not weight.any():
        raise ValueError("sample_weight is zero everywhere; at least one sample must count.")
    checks.large_enough(
        weight.max(keepdims=True), "sample_weight", "sample_weight", SMALLEST_WEIGHT
    )
    return weight
