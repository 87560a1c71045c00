"""The number of jumps of a saddle path, chosen by cross-validation.

==================  ==================================================================
code name           symbol
==================  ==================================================================
``mse_path_``       mean squared errors on the samples left out, shape (K+1, folds)
``weights``         share of each fold in their mean: its samples' weights, shape (folds,)
``n_jumps_``        where that mean is smallest, or smallest within a standard error
==================  ==================================================================
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.watch import counting, left, watching
from saddles._result.path import PathError, SaddlePath
from saddles.estimators._model import LinearOnPath, along, is_cut
from saddles.status import Status
from saddles.typing import Array, Indices

__all__ = ["SaddlePathCV"]

RULES = ("best", "one_standard_error")

#: Number of jumps tried at first. Errors that fall again after half of them were seen on no data.
FIRST = 32

#: Rows of the training and of the test samples.
_Split = tuple[Indices, Indices]


class SaddlePathCV(LinearOnPath):
    """Sparse linear regression on a saddle path, its number of jumps chosen by cross-validation.

    A path is computed on the training samples of every fold. The number of jumps chosen is the one
    with the smallest squared error on the samples left out. The path on all samples is then
    computed up to this number. If the path of a fold ends earlier, its last saddle counts for every
    larger number of jumps. Each of m outputs has its own path and number of jumps: attributes that
    are not arrays over outputs are then lists of length m.

    Parameters
    ----------
    cv : int, splitter or iterable, optional
        Folds, as everywhere in scikit-learn; None is 5-fold.
    max_jumps : int, optional
        Largest number of jumps to try. None tries up to 32, then up to twice as many, and so on
        until the best number is in the first half of those tried.
    rule : {"best", "one_standard_error"}
        Take the number of jumps with the smallest error, or the smallest number whose error is
        within one standard error (over the folds) of it. The second has fewer features.
    fit_intercept : bool, default=True
        Whether samples and targets are centred first; then the intercept is not penalised.
    positive : bool, default=False
        Whether coefficients must be non-negative.
    n_jobs : int, optional
        Folds at a time, by joblib; -1 uses all cores. The result is the same.
    progress : bool, default=False
        Whether to show a bar of the folds done, and of the jumps of the final path (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two jumps. Only the jumps for which every fold had time
        are then tried, and a warning says so.

    Attributes
    ----------
    n_jumps_ : int
        The number of jumps chosen.
    mse_path_ : ndarray of shape (K+1, folds)
        Mean squared error on the samples left out, after 0, 1, ..., K jumps.
    path_ : SaddlePath
        The path on all (centred) samples until the saddle that is used.
    coef_ : ndarray of shape (d,) or (m, d)
        Coefficients; those of features that are not used are exactly 0.
    intercept_ : float or ndarray of shape (m,)
        Intercept, 0.0 without one.
    coef_path_ : ndarray of shape (d, K+1)
        Coefficients at every saddle of ``path_``.
    active_ : ndarray of int, shape (k,)
        The features that are used.
    n_iter_ : int
        Number of jumps made on all samples: `n_jumps_`, or fewer if training ends before.
    n_features_in_ : int
        Number of features d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if `X` was a data frame with such.

    See Also
    --------
    SaddlePathRegressor : Stops after a given number of jumps.
    sklearn.linear_model.LassoLarsCV : The same for the lasso.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from saddles.estimators import SaddlePathCV
    >>> X, y = make_regression(100, 30, n_informative=3, noise=1.0, random_state=0)
    >>> model = SaddlePathCV().fit(X, y)
    >>> model.n_jumps_, model.coef_.nonzero()[0].tolist()
    (3, [12, 21, 22])
    """

    def __init__(
        self,
        *,
        cv: Any = None,
        max_jumps: int | None = None,
        rule: str = "best",
        fit_intercept: bool = True,
        positive: bool = False,
        n_jobs: int | None = None,
        progress: bool = False,
        time_limit: float | None = None,
    ) -> None:
        self.cv = cv
        self.max_jumps = max_jumps
        self.rule = rule
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.n_jobs = n_jobs
        self.progress = progress
        self.time_limit = time_limit

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> SaddlePathCV:
        """Choose the number of jumps for samples `X` (n, d) and targets `y` (n,); follow the path.

        Parameters
        ----------
        X : array_like, sparse array or DataFrame of shape (n, d)
            Samples. In float32, coefficients and predictions are float32 too; paths are followed in
            double precision.
        y : array_like of shape (n,) or (n, m)
            Targets.
        sample_weight : array_like of shape (n,), optional
            Non-negative weights, of the paths and of the errors; a whole number w counts as w
            copies of the sample (all in one fold).
        groups : array_like of shape (n,), optional
            Groups of samples that belong together, for a `cv` that splits by them, as
            ``GroupKFold`` does.

        Returns
        -------
        SaddlePathCV
            Itself.

        Raises
        ------
        TypeError, ValueError
            For bad input or parameters: the name and value, the rule and the remedy.
        PathError
            If the path of all samples cannot be followed as far as chosen.

        Warns
        -----
        ConvergenceWarning
            If a fold's path could not be followed to its end with certainty; only the jumps that
            are certain in every fold are then tried.
        """
        from sklearn.model_selection import check_cv

        max_jumps = checks.count(self.max_jumps, "max_jumps")
        checks.one_of(self.rule, "rule", RULES)
        checks.switch(self.fit_intercept, "fit_intercept")
        checks.switch(self.positive, "positive")
        X, y, weight = self._validated(X, y, sample_weight)
        given = np.iterable(self.cv) and not hasattr(self.cv, "split")
        splits = self.cv if given else check_cv(self.cv).split(X, y, groups)
        splits = _weighty(_checked(splits, len(y)), weight)
        if hasattr(X, "toarray"):
            X = X.tocsr()  # whose rows are taken
        with watching(self.progress, self.time_limit):
            found = [
                self._tried(X, target, weight, splits, max_jumps, y.shape[1] - k)
                for k, target in enumerate(y.T)
            ]
            choices = [_chosen(errors, weights, self.rule) for errors, weights in found]
            self.mse_path_ = self._each([errors for errors, _ in found])
            self.n_jumps_ = self._each(choices)
            self._settle(X, y, weight, choices)
        return self

    def _tried(
        self,
        X: Any,
        y: Array,
        weight: Array | None,
        splits: list[_Split],
        max_jumps: int | None,
        outputs: int,
    ) -> tuple[Array, Array]:
        """Return the errors (K+1, folds) for targets (n,), and the folds' weights (folds,).

        `outputs` is the number of outputs that share the time left; half of it is for final paths.
        """
        from sklearn.utils.parallel import Parallel, delayed

        most = FIRST if max_jumps is None else max_jumps
        paths: list[SaddlePath | None] = [None] * len(splits)
        while True:
            seconds = left() / (2 * outputs * len(splits))
            done = Parallel(n_jobs=self.n_jobs, return_as="generator")(
                delayed(_fold)(self, X, y, weight, split, most, path, seconds)
                for split, path in zip(splits, paths, strict=True)
            )
            folds: list[_Fold] = []
            with counting("cross-validation", "folds", len(splits)) as counted:
                for fold in done:
                    folds.append(fold)
                    counted(f"up to {most} jumps")
            errors, failure = _aligned(folds)
            weights = np.array([fold.weight for fold in folds])
            enough = 2 * _chosen(errors, weights, "best") <= most
            ended = all(fold.path.status is not Status.MAX_JUMPS for fold in folds)
            if max_jumps is not None or failure or enough or ended:
                break
            most, paths = 2 * most, [fold.path for fold in folds]
        if failure is not None:
            _warn(failure, len(errors) - 1)
        return errors, weights


@dataclass(frozen=True, eq=False)
class _Fold:
    """Errors (K+1,) on the samples left out, their weight, and the path of the others."""

    errors: Array
    weight: float
    path: SaddlePath


def _checked(splits: Iterable[Any], n: int) -> list[_Split]:
    """Return the folds, or say which of them cannot be one of `n` samples."""
    found = [_split(split, number, n) for number, split in enumerate(splits)]
    if not found:
        raise ValueError(
            "cv has no fold; give at least one pair (train, test). A generator is used up by the "
            "first fit: pass a list of its folds."
        )
    return found


def _split(split: Any, number: int, n: int) -> _Split:
    if not isinstance(split, tuple | list) or len(split) != 2:
        raise TypeError(
            f"fold {number} of cv is {checks.show(split)}; it must be a pair of index arrays, "
            "(train, test)."
        )
    train, test = (
        _rows(part, f"fold {number} of cv", kind, n)
        for part, kind in zip(split, ("training", "test"), strict=True)
    )
    return train, test


def _rows(part: Any, fold: str, kind: str, n: int) -> Indices:
    """Return the rows that a part of a fold names, by their numbers or by a mask."""
    rows = np.asarray(part)
    if rows.dtype == bool and rows.shape == (n,):
        rows = rows.nonzero()[0]
    if rows.size == 0:
        raise ValueError(f"{fold} has no {kind} samples; leave it out, or give it some.")
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise TypeError(
            f"{fold} has {kind} samples {checks.show(rows)}; they must be numbers of rows, or one "
            f"True or False for each of the {n} rows."
        )
    if rows.min() < -n or rows.max() >= n:
        wrong = int(rows.max() if rows.max() >= n else rows.min())
        raise ValueError(
            f"{fold} has the {kind} sample {wrong}, but there are {n} samples; split the data that "
            "are passed to fit."
        )
    return rows


def _weighty(found: list[_Split], weight: Array | None) -> list[_Split]:
    """Return the folds, less those whose training or test samples have no weight."""
    if weight is None:
        return found
    kept = [split for split in found if all(weight[part].sum() > 0 for part in split)]
    if not kept:
        raise ValueError(
            "sample_weight leaves no fold with both training and test samples; use other folds "
            "or weights."
        )
    return kept


def _fold(
    model: SaddlePathCV,
    X: Any,
    y: Array,
    weight: Array | None,
    split: _Split,
    max_jumps: int,
    start: SaddlePath | None,
    seconds: float,
) -> _Fold:
    """Follow the path of the training samples from `start`; return the errors on the others."""
    train, test = split
    inner, outer = (None, None) if weight is None else (weight[train], weight[test])
    problem = model._problem(X[train], y[train], inner)
    (X_mean, y_mean), path = problem.means, start
    if path is None or path.status is Status.MAX_JUMPS:
        with watching(time_limit=seconds):
            path = model._path(problem, max_jumps, start)
    residuals = (y[test] - y_mean)[:, None] - along(X[test], X_mean, path.betas)
    return _Fold(
        np.average(residuals**2, axis=0, weights=outer),
        float(len(residuals) if outer is None else outer.sum()),
        path,
    )


def _aligned(folds: list[_Fold]) -> tuple[Array, Status | None]:
    """Return the errors (K+1, folds) after equally many jumps; a finished path rests at its end.

    Beside them, why a path failed before the others ended, if one did.
    """
    failed = [fold for fold in folds if not fold.path.success or is_cut(fold.path)]
    first = min(failed, key=lambda fold: len(fold.errors), default=None)
    most = max(len(fold.errors) for fold in folds) if first is None else len(first.errors)
    columns = [
        np.pad(fold.errors[:most], (0, max(0, most - len(fold.errors))), mode="edge")
        for fold in folds
    ]
    return np.array(columns).T, None if first is None else first.path.status


def _warn(status: Status, jumps: int) -> None:
    """Warn that a fold's path is certain for this number of jumps only."""
    from sklearn.exceptions import ConvergenceWarning

    if jumps == 0:
        raise PathError(status, None, "in a fold, before the first jump")
    warnings.warn(
        f"a fold's path is certain until jump {jumps} only; no more are tried: {status.sentence}",
        ConvergenceWarning,
        stacklevel=3,
    )


def _chosen(errors: Array, weights: Array, rule: str) -> int:
    """Return the number of jumps for errors (K+1, folds); the fewest, if several are as good."""
    means = np.average(errors, axis=1, weights=weights)
    best = int(means.argmin())
    if rule == "best" or errors.shape[1] < 2:
        return best
    within = np.average((errors[best] - means[best]) ** 2, weights=weights)
    bound = means[best] + np.sqrt(within / (errors.shape[1] - 1))
    return int(np.argmax(means <= bound))
