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

from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.precision import DISTURBED, EPS
from saddles._problems.centring import JITTER, centred
from saddles._problems.features import Dense, Features, Sparse, stored
from saddles._problems.from_moments import factor_moments, precision_of
from saddles._tools.record import Record
from saddles.typing import Array, ArrayLike

__all__ = ["Regression", "computed"]


#: Below this the square of a target underflows, and with it the loss.
SMALLEST_TARGET = 1e-153

#: Below this the weights lose digits or the loss overflows.
SMALLEST_WEIGHT = 1e-100


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Regression(Record):
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
        Whether to subtract the (weighted) mean from the targets and from every feature. Sparse
        features stay sparse: their means are stored separately.

    Attributes
    ----------
    X, y : ndarray of shape (n, d) and (n,)
        The data, each row multiplied by the square root of its weight; `X` is a
        ``scipy.sparse.csc_array`` if sparse features were given, in which only columns without a
        zero are centred.
    n_samples : float
        The divisor n of the mean loss: the number of rows, or the sum of the weights.
    rounding : float
        Correlations with the targets below this are rounding of the data; 0 for data as given.
    grain : ndarray of shape (d,)
        What rounding may have changed of each feature, relative to its norm; 0 for data as given.
    means : tuple of ndarray of shape (d,) and float
        What was taken from features and targets; zeros if nothing was.
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
    grain: Array = field(init=False, repr=False)
    means: tuple[Array, float] = field(init=False, repr=False)
    features: Features = field(init=False, repr=False, compare=False)
    sizes: tuple[Array, Array] = field(init=False, repr=False, compare=False)

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        centre: bool = False,
    ) -> None:
        features, sizes = stored(X, "X")
        X, y = features.X, checks.real_array(y, "y", 1)
        checks.same_length(X, "X", y, "y")
        checks.large_enough(np.abs(y).max(keepdims=True), "y", "y", SMALLEST_TARGET)
        weight, n_samples = None, float(X.shape[0])
        if sample_weight is not None:
            weight = _checked_weights(sample_weight, y)
            n_samples = float(weight.sum())
        y_mean, grain = 0.0, np.zeros(X.shape[1])
        X_mean = grain
        if centre:
            y, mean = centred(y, weight)
            y_mean = float(mean)
        if weight is not None or centre:
            features, X_mean = features.prepared(weight, centre)
            y, sizes = y if weight is None else np.sqrt(weight) * y, features.sizes()
            grain = _grain(sizes[1], X_mean * np.sqrt(n_samples))
        fields = {"X": features.X, "y": y, "sample_weight": weight, "n_samples": n_samples}
        fields |= {"rounding": 0.0, "grain": grain, "means": (X_mean, y_mean)}
        fields |= {"features": features, "sizes": sizes}
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_gram(cls, gram: ArrayLike, xty: ArrayLike, yty: float, n_samples: float) -> Regression:
        """Build the problem from its second moments alone.

        Every path depends on the data only through XᵀX, Xᵀy and yᵀy, but moments hold half the
        digits: columns nearer to each other than about 1e-7 count as dependent, and nearer than
        about 1e-2 if moments are given in single precision. The problem returned holds a triangular
        factor of the Gram matrix instead of X, with as many rows as its rank plus
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
        given = gram, xty, yty
        gram, xty = checks.real_array(gram, "gram", 2), checks.real_array(xty, "xty", 1)
        yty = checks.real_number(
            yty, "yty", "y'y must be finite and >= 0", lambda v: 0 <= v < 1e307
        )
        n_samples = checks.real_number(
            n_samples, "n_samples", "it must be finite and above 0", lambda v: 0 < v < np.inf
        )
        eps = max(map(precision_of, given))
        X, y = factor_moments(gram, xty, yty, eps)
        problem = cls(X, y)
        object.__setattr__(problem, "n_samples", n_samples)
        # A gradient read off moments carries the rounding of Xᵀy, however small the residual is.
        object.__setattr__(problem, "rounding", eps**DISTURBED)
        # Columns come out of a factor with half the digits.
        object.__setattr__(problem, "grain", np.full(problem.n_features, eps**0.5))
        return problem

    @property
    def n_features(self) -> int:
        """Number of features d."""
        return int(self.X.shape[1])

    def residual(self, beta: ArrayLike) -> Array:
        """Return the residual y − Xβ, shape (n,)."""
        point = checks.numbers(beta, "beta").astype(np.float64)
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


def computed(X: ArrayLike, y: ArrayLike) -> Regression:
    """Return the problem whose features (n, d) were computed, and are right to a few ulp."""
    problem = Regression(X, y)
    object.__setattr__(problem, "grain", _grain(problem.sizes[1], np.zeros(problem.n_features)))
    return problem


def _grain(norms: Array, taken: Array) -> Array:
    """Return what rounding may have changed of columns (d,) from which so much was taken."""
    with np.errstate(divide="ignore", invalid="ignore"):
        grain = JITTER * EPS * np.hypot(1.0, taken / norms)
    return np.where(norms > 0, grain, 0.0)


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
