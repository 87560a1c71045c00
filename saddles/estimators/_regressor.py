"""A saddle path that is stopped after a given number of jumps, as a scikit-learn regressor.

The path is that of Pesme and Flammarion (2023, arXiv:2304.00488); early stopping of diagonal
networks as sparse regression goes back to Vaškevičius, Kanade and Rebeschini (2019,
arXiv:1909.05122).
"""

from __future__ import annotations

from typing import Any

from saddles import checks
from saddles._numerics.watch import watching
from saddles.estimators._model import LinearOnPath

__all__ = ["SaddlePathRegressor"]


class SaddlePathRegressor(LinearOnPath):
    """Sparse linear regression: the saddle that training reaches after `n_jumps` jumps.

    Gradient flow of a diagonal linear network from vanishing initialisation visits saddles, each
    the least squares fit (with signs held) on few features. Features are used in the units
    given, and large ones come first, as in LARS: standardise them in a pipeline if they differ.
    Each of m outputs has its own path: attributes that are not arrays over outputs are then lists
    of length m.

    Parameters
    ----------
    n_jumps : int, optional
        Largest number of jumps; training may end earlier. None goes to the end of training,
        the least squares solution of smallest ℓ1 norm.
    fit_intercept : bool, default=True
        Whether samples and targets are centred first; then the intercept is not penalised.
    positive : bool, default=False
        Whether coefficients must be non-negative.
    progress : bool, default=False
        Whether to show a bar of the jumps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two jumps: the model is then that of the last saddle
        reached, and a warning says so.

    Attributes
    ----------
    path_ : SaddlePath
        The path on the centred samples until the saddle that is used; its losses are
        ``|y - X beta|^2 / (2 n)`` there and its times scaled, t / log(1/α).
    coef_ : ndarray of shape (d,) or (m, d)
        Coefficients; those of features that are not used are exactly 0.
    intercept_ : float or ndarray of shape (m,)
        Intercept, 0.0 without one.
    coef_path_ : ndarray of shape (d, K+1)
        Coefficients at every saddle of ``path_``.
    active_ : ndarray of int, shape (k,)
        The features that are used.
    n_iter_ : int
        Number of jumps made.
    n_features_in_ : int
        Number of features d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if `X` was a data frame with such.

    See Also
    --------
    SaddlePathCV : Chooses the number of jumps by cross-validation.

    Examples
    --------
    >>> from saddles.estimators import SaddlePathRegressor
    >>> X, y = [[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [1.0, 2.0]], [1.0, 5.0, 2.0, 6.0]
    >>> model = SaddlePathRegressor(n_jumps=1).fit(X, y)
    >>> model.coef_.round(3) + 0.0, round(float(model.intercept_), 3)
    (array([0. , 2.5]), 1.0)
    >>> model.path_
    <SaddlePath of Pesme-Flammarion: 1 jump until tau = 0.8, ..., max_jumps reached>
    """

    def __init__(
        self,
        n_jumps: int | None = None,
        *,
        fit_intercept: bool = True,
        positive: bool = False,
        progress: bool = False,
        time_limit: float | None = None,
    ) -> None:
        self.n_jumps = n_jumps
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.progress = progress
        self.time_limit = time_limit

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SaddlePathRegressor:
        """Follow the path of samples `X` (n, d) and targets `y` (n,) for `n_jumps` jumps.

        Parameters
        ----------
        X : array_like, sparse array or DataFrame of shape (n, d)
            Samples. In float32, coefficients and predictions are float32 too; paths are followed in
            double precision.
        y : array_like of shape (n,) or (n, m)
            Targets.
        sample_weight : array_like of shape (n,), optional
            Non-negative weights; a whole number w counts as w copies of the sample.

        Returns
        -------
        SaddlePathRegressor
            Itself.

        Raises
        ------
        TypeError, ValueError
            For bad input or parameters: the name and value, the rule and the remedy.
        PathError
            If the path cannot be followed so far with certainty; its sentence has the remedy.

        Warns
        -----
        ConvergenceWarning
            If the time was over before the path was followed so far.
        """
        n_jumps = checks.count(self.n_jumps, "n_jumps")
        checks.switch(self.fit_intercept, "fit_intercept")
        checks.switch(self.positive, "positive")
        X, y, weight = self._validated(X, y, sample_weight)
        with watching(self.progress, self.time_limit):
            self._settle(X, y, weight, [n_jumps] * y.shape[1])
        return self
