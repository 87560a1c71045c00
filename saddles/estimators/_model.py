"""What both estimators are: linear predictions from one saddle of a path on centred data.

==================  ==============================================================
code name           symbol
==================  ==============================================================
``means``           x̄ (d,) and ȳ, weighted means of columns and targets, 0 without intercept
``coef_``           β_k, shape (d,)
``intercept_``      ȳ − x̄·β_k
==================  ==============================================================
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import saddles
from saddles import checks
from saddles._problems.regression import Regression
from saddles._result.path import PathError, SaddlePath
from saddles._result.points import dense
from saddles.status import Status
from saddles.typing import Array

try:
    from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "saddles.estimators needs scikit-learn: pip install 'saddles[sklearn]'"
    ) from error

__all__: list[str] = []

#: Numbers that are computed with as they are given, and how sparse ones may be stored.
FLOATS, SPARSE = (np.float64, np.float32), ("csr", "csc")


@dataclass(frozen=True, eq=False)
class Fitted:
    """The path of one output, and what was taken from the data before: x̄ (d,) and ȳ."""

    path: SaddlePath
    X_mean: Array
    y_mean: float

    def predicted(self, X: Any, stages: slice) -> Array:
        """Return the predictions (q, k) for samples (q, d), at some of the saddles."""
        return self.y_mean + along(X, self.X_mean, self.path.betas[stages])


def along(X: Any, offset: Array, betas: Any) -> Array:
    """Return (X − offset) β for samples (q, d) and coefficients (k, d), both dense or sparse."""
    if hasattr(X, "toarray"):
        return np.asarray(dense(X @ betas.T) - offset @ betas.T)
    return np.asarray((X - offset) @ betas.T)


class LinearOnPath(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """A linear model read off one saddle of a path; its subclasses choose the saddle.

    They have parameters ``fit_intercept`` and ``positive``, and set ``coef_``, ``intercept_``,
    ``n_iter_`` and what `path_` and others are read off.
    """

    fit_intercept: bool
    positive: bool
    coef_: Array
    intercept_: Any
    n_iter_: Any
    _fits: list[Fitted]
    _single: bool

    def __sklearn_tags__(self) -> Any:
        """Say what kinds of data it takes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @property
    def path_(self) -> Any:
        """The path on all (centred) samples until the saddle that is used; a list for 2-D `y`."""
        return self._each([fit.path for fit in self._fits])

    @property
    def coef_path_(self) -> Any:
        """Coefficients (d, K+1) at every saddle of ``path_``; a list for 2-D `y`."""
        return self._each([fit.path.betas.T for fit in self._fits])

    @property
    def active_(self) -> Any:
        """The features that are used, ascending (k,); a list for 2-D `y`."""
        return self._each([beta.nonzero()[0] for beta in np.atleast_2d(self.coef_)])

    def predict(self, X: Any, *, n_jumps: int | None = None) -> Array:
        """Return the predictions ``X @ coef_.T + intercept_``, or those of another saddle.

        Parameters
        ----------
        X : array_like, sparse array or DataFrame of shape (q, d)
            Samples.
        n_jumps : int, optional
            Predict at the saddle after this number of jumps of ``path_``, or at the end of the
            path if it has fewer.

        Returns
        -------
        ndarray of shape (q,), or (q, m) for m outputs
        """
        n_jumps = checks.count(n_jumps, "n_jumps")
        X = self._samples(X)
        if n_jumps is None:
            return np.asarray(X @ self.coef_.T + self.intercept_)
        ends = [min(n_jumps, len(fit.path) - 1) for fit in self._fits]
        return self._joined(X, [slice(end, end + 1) for end in ends])[0]

    def staged_predict(self, X: Any) -> Iterator[Array]:
        """Yield the predictions at every saddle of ``path_``, the start first.

        The paths of several outputs rest at their end until the longest ends.

        Parameters
        ----------
        X : array_like, sparse array or DataFrame of shape (q, d)
            Samples.
        """
        yield from self._joined(self._samples(X), [slice(None)] * len(self._fits))

    def _samples(self, X: Any) -> Any:
        check_is_fitted(self)
        return validate_data(self, X, dtype=FLOATS, accept_sparse=SPARSE, reset=False)

    def _joined(self, X: Any, stages: list[slice]) -> list[Array]:
        """Return the predictions (q,) or (q, m) of all outputs, at each stage."""
        found = [fit.predicted(X, some) for fit, some in zip(self._fits, stages, strict=True)]
        longest = max(one.shape[1] for one in found)
        padded = [np.pad(one, ((0, 0), (0, longest - one.shape[1])), "edge") for one in found]
        together = np.array(padded, dtype=X.dtype)
        return [self._each(together[:, :, stage]).T for stage in range(longest)]

    def _each(self, outputs: Any) -> Any:
        """Return what there is of each output, or of the only one."""
        return outputs[0] if self._single else outputs

    def _validated(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Array, Array | None]:
        """Return samples (n, d), targets (n, m) and weights (n,)."""
        X, y = validate_data(
            self, X, y, dtype=FLOATS, accept_sparse=SPARSE, y_numeric=True, multi_output=True
        )
        y = np.asarray(y, dtype=np.float64)
        self._single = y.ndim == 1
        y = y.reshape(len(y), -1)
        if sample_weight is None:
            return X, y, None
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not weight.any():
            raise ValueError("sample_weight is all zero; give some sample a weight above 0.")
        return X, y, np.asarray(weight)

    def _problem(self, X: Any, y: Array, weight: Array | None) -> Regression:
        """Return the regression of samples, centred if there is to be an intercept."""
        return Regression(X, y, sample_weight=weight, centre=bool(self.fit_intercept))

    def _path(
        self, problem: Regression, n_jumps: int | None, start: SaddlePath | None = None
    ) -> SaddlePath:
        """Return the path of a problem, as far as it is right and asked for; go on with `start`."""
        boundaries = (1.0, np.inf) if self.positive else None
        return saddles.pesme_flammarion(
            problem, start=start, max_jumps=n_jumps, boundaries=boundaries, on_failure="return"
        )

    def _settle(
        self, X: Any, y: Array, weight: Array | None, n_jumps: Sequence[int | None]
    ) -> None:
        """Fit the paths of all outputs (n, m), and read the model off the saddles asked for."""
        self._fits = [
            self._fitted(self._problem(X, target, weight), jumps)
            for target, jumps in zip(y.T, n_jumps, strict=True)
        ]
        ends = [dense(fit.path.betas[-1:])[0] for fit in self._fits]
        pairs = zip(self._fits, ends, strict=True)
        intercepts = [fit.y_mean - float(fit.X_mean @ beta) for fit, beta in pairs]
        self.coef_ = self._each(_as_given(np.array(ends), X.dtype))
        self.intercept_ = self._each(_as_given(np.array(intercepts), X.dtype))
        self.n_iter_ = self._each([len(fit.path) - 1 for fit in self._fits])

    def _fitted(self, problem: Regression, n_jumps: int | None) -> Fitted:
        path = self._path(problem, n_jumps)
        # A failure at a jump that was not asked for is none of this model.
        if not path.success and len(path) - 1 != n_jumps:
            raise PathError(path.status, path, f"after jump {len(path) - 1}")
        if is_cut(path) and len(path) - 1 != n_jumps:
            warnings.warn(
                f"the path was followed for {len(path) - 1} jumps only: {path.status.sentence}",
                ConvergenceWarning,
                stacklevel=4,
            )
        return Fitted(path, *problem.means)


def is_cut(path: SaddlePath) -> bool:
    """Whether there was no time for the rest of a path."""
    return path.status is Status.TIME_LIMIT


def _as_given(values: Array, kind: Any) -> Array:
    """Return finite values in the precision of the samples, or say that they do not fit."""
    with np.errstate(over="ignore"):
        given = values.astype(kind)
    if not np.isfinite(given).all():
        largest = float(np.abs(values).max())
        raise ValueError(f"X is {kind}, which cannot hold {largest!r}; pass it as float64.")
    return given
