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

from collections.abc import Iterator
from typing import Any

import numpy as np

import saddles
from saddles import checks
from saddles._problems.regression import Regression
from saddles._result.path import PathError, SaddlePath
from saddles._result.points import dense
from saddles.typing import Array

try:
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "saddles.estimators needs scikit-learn: pip install 'saddles[sklearn]'"
    ) from error

__all__: list[str] = []


class LinearOnPath(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # they are untyped
    """A linear model read off one saddle of a path; its subclasses choose the saddle.

    They have parameters ``fit_intercept`` and ``positive``, and set ``path_``, ``coef_``,
    ``intercept_`` and ``n_iter_``.
    """

    fit_intercept: bool
    positive: bool
    path_: SaddlePath
    coef_: Array
    intercept_: float
    n_iter_: int

    def predict(self, X: Any) -> Array:
        """Return the predictions ``X @ coef_ + intercept_``.

        Parameters
        ----------
        X : array_like or DataFrame of shape (q, d)
            Samples.

        Returns
        -------
        ndarray of shape (q,)
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(X @ self.coef_ + self.intercept_)

    def staged_predict(self, X: Any) -> Iterator[Array]:
        """Yield the predictions (q,) at every saddle of ``path_``, the start first.

        Parameters
        ----------
        X : array_like or DataFrame of shape (q, d)
            Samples.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        start = self.intercept_ + self._offset @ self.coef_
        for changes in ((X - self._offset) @ self.path_.betas.T).T:
            yield np.asarray(changes + start)

    def _validated(self, X: Any, y: Any, sample_weight: Any) -> tuple[Array, Array, Array | None]:
        """Return samples (n, d), targets (n,) and weights (n,) as float64 arrays."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        y = np.asarray(y, dtype=np.float64)
        if sample_weight is None:
            return X, y, None
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not weight.any():
            raise ValueError("sample_weight is all zero; give some sample a weight above 0.")
        return X, y, np.asarray(weight)

    def _problem(self, X: Array, y: Array, weight: Array | None) -> Regression:
        """Return the regression of samples, centred if there is to be an intercept."""
        return Regression(X, y, sample_weight=weight, centre=bool(self.fit_intercept))

    def _path(self, problem: Regression, n_jumps: int | None) -> SaddlePath:
        """Return the path of a problem, as far as it is right and asked for."""
        boundaries = (1.0, np.inf) if self.positive else None
        return saddles.pesme_flammarion(
            problem, max_jumps=n_jumps, boundaries=boundaries, on_failure="return"
        )

    def _settle(self, problem: Regression, n_jumps: int | None) -> None:
        """Fit the path on all samples and read the model off the saddle after `n_jumps`."""
        path = self._path(problem, n_jumps)
        # A failure at a jump that was not asked for is none of this model.
        if not path.success and len(path) - 1 != n_jumps:
            raise PathError(path.status, path, f"after jump {len(path) - 1}")
        self.path_ = path
        self._offset, y_mean = problem.means
        self.coef_ = dense(path.betas[-1:])[0].copy()
        self.intercept_ = y_mean - float(self._offset @ self.coef_)
        self.n_iter_ = len(path) - 1


def switch(value: Any, name: str) -> bool:
    """Return True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}={checks.show(value)} must be True or False.")
    return bool(value)
