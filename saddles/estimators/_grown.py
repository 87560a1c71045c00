"""Networks that find their own width, as scikit-learn estimators.

==================  ==================================================================
code name           symbol
==================  ==================================================================
``means``, ``sds``  x̄ (d,) and the standard deviations s (d,): neurons see (x − x̄)/s
``coefs_``          w/s and a, in the units given, shapes (d, H) and (H, c)
``intercepts_``     b − w·x̄/s (H,), and the offset (c,)
==================  ==================================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import softmax

from saddles import checks
from saddles.optim import AGF, Network, Step
from saddles.status import Status
from saddles.typing import Array, Indices

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "saddles.estimators needs scikit-learn: pip install 'saddles[sklearn]'"
    ) from error

__all__ = ["AGFClassifier", "AGFRegressor"]

#: Seeds that are drawn lie below this number.
SEEDS = 2**31 - 1


class _Grown(BaseEstimator):  # type: ignore[misc]  # untyped
    """What both estimators share: standardised samples, the trainer, attributes read off."""

    network_: Network
    path_: tuple[Step, ...]
    status_: Status
    n_iter_: int
    n_neurons_: int
    n_features_in_: int
    _means: Array
    _sds: Array

    def __init__(
        self,
        neuron: Any = "relu",
        *,
        bias: bool = True,
        max_neurons: int = 50,
        starts: int = 16,
        cost: str = "auto",
        ridge: float = 0.0,
        per_jump: int = 1,
        patience: int = 3,
        validation_fraction: float | None = None,
        warm_start: bool = False,
        random_state: Any = 0,
    ) -> None:
        self.neuron = neuron
        self.bias = bias
        self.max_neurons = max_neurons
        self.starts = starts
        self.cost = cost
        self.ridge = ridge
        self.per_jump = per_jump
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state

    @property
    def coefs_(self) -> list[Array]:
        """Weights of both layers, (d, H) and (H, c), for samples in the units given."""
        return [(self.network_.weights / self._sds).T, self.network_.outputs]

    @property
    def intercepts_(self) -> list[Array]:
        """Biases of the neurons (H,), and the offset (c,)."""
        network = self.network_
        return [network.biases - network.weights @ (self._means / self._sds), network.offset]

    def _grow(self, X: Array, Y: Array, loss: str, labels: Any = None) -> None:
        """Train on samples (n, d) and targets (n,) or (n, c); `labels` stratify those held out."""
        seed = int(check_random_state(self.random_state).randint(SEEDS))
        trainer = AGF(
            self.neuron,
            bias=self.bias,
            max_neurons=self.max_neurons,
            starts=self.starts,
            cost=self.cost,
            loss=loss,
            ridge=self.ridge,
            per_jump=self.per_jump,
            patience=self.patience,
            seed=seed,
        )
        start = self._standardise(X)
        X = (X - self._means) / self._sds
        held = self._held(len(X), labels, seed)
        kept = np.delete(np.arange(len(X)), held)
        validation = (X[held], Y[held]) if len(held) else None
        trainer.fit(X[kept], Y[kept], validation=validation, start=start)
        self.network_, self.path_, self.status_ = trainer.network, trainer.path, trainer.status
        self.n_iter_, self.n_neurons_ = len(trainer.path) - 1, trainer.network.width

    def _standardise(self, X: Array) -> Array | None:
        """Set means and deviations; return the unit weights of a warm start in their units."""
        checks.refuse_bad_entries(X, "X")
        warm = checks.switch(self.warm_start, "warm_start") and hasattr(self, "network_")
        W, b = (self.coefs_[0].T, self.intercepts_[0]) if warm else (None, None)
        self._means = X.mean(axis=0) if self.bias else np.zeros(X.shape[1])
        deviations = np.sqrt(np.mean((X - self._means) ** 2, axis=0))
        least = np.finfo(np.float64).eps * np.abs(X).max(axis=0)
        self._sds = np.where(deviations > least, deviations, 1.0)
        if W is None or b is None or not len(W):
            return None
        if W.shape[1] != X.shape[1]:
            raise ValueError(
                f"X has {X.shape[1]} features, but the network to go on with has {W.shape[1]}; "
                "pass as many, or use warm_start=False."
            )
        turned = [W * self._sds, (b + W @ self._means)[:, None]]
        return np.concatenate(turned[: 1 + self.bias], axis=1)

    def _held(self, n: int, labels: Any, seed: int) -> Indices:
        """Return the rows that are held out to choose the width."""
        if self.validation_fraction is None:
            return np.arange(0)
        rule = "the share of samples held out must be between 0 and 1, or None for none"
        share = checks.real_number(
            self.validation_fraction, "validation_fraction", rule, lambda v: 0 < v < 1
        )
        try:
            _, held = train_test_split(
                np.arange(n), test_size=share, random_state=seed, stratify=labels
            )
        except ValueError as error:
            raise ValueError(
                f"validation_fraction={share!r}: {n} samples cannot be split so "
                f"({str(error).split('. ')[0]}); give another share, more samples, or None."
            ) from error
        return np.sort(held)

    def _outputs(self, X: Any) -> Array:
        """Return the network's outputs, (q,) or (q, c)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return self.network_.predict((X - self._means) / self._sds)


class AGFRegressor(MultiOutputMixin, RegressorMixin, _Grown):  # type: ignore[misc]  # untyped
    """Regression by a small two-layer network that finds its own width.

    `saddles.optim.AGF` grows it neuron by neuron, on standardised samples. No learning rate and no
    width are chosen. The same `random_state` gives the same bits.

    Parameters
    ----------
    neuron : {"relu", "leaky", "quadratic", "linear"} or callable
        The neuron; see `saddles.optim.AGF`.
    bias : bool
        Whether neurons have biases, and the network an offset.
    max_neurons : int
        Largest width.
    starts : int
        Number of random directions from which each utility is ascended.
    cost : {"auto", "lm", "lbfgs", "outputs", "late"}
        How the cost is minimised; see `saddles.optim.AGF`.
    ridge : float
        Penalty of output weights, ridge |a|²/2, for standardised samples.
    per_jump : int
        Number of neurons that become active together.
    patience : int
        Number of jumps without a better score after which growth ends.
    validation_fraction : float, optional
        Share of the samples held out to choose the width. By default none is: the score is that of
        generalised cross-validation. The chosen network descends once more on all samples.
    warm_start : bool
        Whether `fit` goes on with the neurons of the last fit.
    random_state : int, RandomState or None
        Seed of the directions and of the samples held out.

    Attributes
    ----------
    network_ : Network
        The network, for standardised samples.
    n_neurons_ : int
        Its width.
    coefs_ : list of ndarray of shapes (d, H) and (H, c)
        Weights of both layers, for samples in the units given.
    intercepts_ : list of ndarray of shapes (H,) and (c,)
        Biases of both layers.
    path_ : tuple of Step
        All saddles, the start first.
    status_ : Status
        Why growth ended.
    n_iter_ : int
        Number of jumps.
    n_features_in_ : int
        Number of features d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if `X` was a data frame with such.

    See Also
    --------
    saddles.optim.AGF : The trainer itself, with all its options.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from saddles.estimators import AGFRegressor
    >>> X, y = make_friedman1(300, n_features=5, noise=0.1, random_state=0)
    >>> model = AGFRegressor().fit(X, y)
    >>> model.n_neurons_ <= 15, model.score(X, y) > 0.98
    (True, True)
    """

    def fit(self, X: Any, y: Any) -> AGFRegressor:
        """Grow a network on samples `X` (n, d) and targets `y` (n,) or (n, c).

        Parameters
        ----------
        X : array_like or DataFrame of shape (n, d)
            Samples.
        y : array_like of shape (n,) or (n, c)
            Targets.

        Returns
        -------
        AGFRegressor
            Itself.

        Raises
        ------
        TypeError, ValueError
            For bad input or parameters: the name and value, the rule and the remedy.
        """
        reset = not (self.warm_start and hasattr(self, "network_"))
        X, y = validate_data(
            self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, reset=reset
        )
        self._grow(X, np.asarray(y, dtype=np.float64), "squared")
        return self

    def predict(self, X: Any) -> Array:
        """Return the predictions for samples `X` (q, d).

        Parameters
        ----------
        X : array_like or DataFrame of shape (q, d)
            Samples.

        Returns
        -------
        ndarray of shape (q,) or (q, c)
            Predictions, in one column for each target.
        """
        return self._outputs(X)


class AGFClassifier(ClassifierMixin, _Grown):  # type: ignore[misc]  # untyped
    """Classification by a small two-layer network that finds its own width.

    `saddles.optim.AGF` grows it neuron by neuron, on standardised samples, with one output per
    class. No learning rate and no width are chosen. The same `random_state` gives the same bits.

    Parameters
    ----------
    neuron : {"relu", "leaky", "quadratic", "linear"} or callable
        The neuron; see `saddles.optim.AGF`.
    bias : bool
        Whether neurons have biases, and the network offsets.
    max_neurons : int
        Largest width.
    starts : int
        Number of random directions from which each utility is ascended.
    cost : {"auto", "lm", "lbfgs", "outputs", "late"}
        How the cost is minimised; see `saddles.optim.AGF`.
    loss : {"logistic", "squared"}
        Cross entropy, or the squared distance to the one-hot classes.
    ridge : float
        Penalty of output weights, ridge |a|²/2, for standardised samples. Without any, classes that
        can be separated make them grow without bound.
    per_jump : int
        Number of neurons that become active together.
    patience : int
        Number of jumps without a better score after which growth ends.
    validation_fraction : float, optional
        Share of the samples held out to choose the width. By default none is: the score is that of
        generalised cross-validation, or Akaike's for cross entropy. The chosen network descends
        once more on all samples.
    warm_start : bool
        Whether `fit` goes on with the neurons of the last fit.
    random_state : int, RandomState or None
        Seed of the directions and of the samples held out.

    Attributes
    ----------
    classes_ : ndarray of shape (c,)
        The classes.
    network_ : Network
        The network, for standardised samples.
    n_neurons_ : int
        Its width.
    coefs_ : list of ndarray of shapes (d, H) and (H, c)
        Weights of both layers, for samples in the units given.
    intercepts_ : list of ndarray of shapes (H,) and (c,)
        Biases of both layers.
    path_ : tuple of Step
        All saddles, the start first.
    status_ : Status
        Why growth ended.
    n_iter_ : int
        Number of jumps.
    n_features_in_ : int
        Number of features d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if `X` was a data frame with such.

    See Also
    --------
    saddles.optim.AGF : The trainer itself, with all its options.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from saddles.estimators import AGFClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> AGFClassifier().fit(X, y).score(X, y) > 0.95
    True
    """

    classes_: Any

    def __init__(
        self,
        neuron: Any = "relu",
        *,
        bias: bool = True,
        max_neurons: int = 50,
        starts: int = 16,
        cost: str = "auto",
        loss: str = "logistic",
        ridge: float = 1e-4,
        per_jump: int = 1,
        patience: int = 3,
        validation_fraction: float | None = None,
        warm_start: bool = False,
        random_state: Any = 0,
    ) -> None:
        super().__init__(
            neuron,
            bias=bias,
            max_neurons=max_neurons,
            starts=starts,
            cost=cost,
            ridge=ridge,
            per_jump=per_jump,
            patience=patience,
            validation_fraction=validation_fraction,
            warm_start=warm_start,
            random_state=random_state,
        )
        self.loss = loss

    def fit(self, X: Any, y: Any) -> AGFClassifier:
        """Grow a network on samples `X` (n, d) and labels `y` (n,).

        Parameters
        ----------
        X : array_like or DataFrame of shape (n, d)
            Samples.
        y : array_like of shape (n,)
            Labels of at least two classes.

        Returns
        -------
        AGFClassifier
            Itself.

        Raises
        ------
        TypeError, ValueError
            For bad input or parameters: the name and value, the rule and the remedy.
        """
        warm = self.warm_start and hasattr(self, "network_")
        X, y = validate_data(self, X, y, dtype=np.float64, reset=not warm)
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"y has only one class, {checks.show(classes[0])}; a classifier needs samples of "
                "at least two."
            )
        if warm and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"y has classes {checks.show(classes)}, but the network to go on with has "
                f"{checks.show(self.classes_)}; pass the same ones, or use warm_start=False."
            )
        self.classes_ = classes
        self._grow(X, np.eye(len(classes))[labels], self.loss, labels)
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities of the classes for samples `X` (q, d).

        With the squared loss they are the outputs, cut off at 0 and divided by their sum.

        Parameters
        ----------
        X : array_like or DataFrame of shape (q, d)
            Samples.

        Returns
        -------
        ndarray of shape (q, c)
            Probabilities, in the order of ``classes_``.
        """
        outputs = self._outputs(X)
        if self.loss == "logistic":
            return np.asarray(softmax(outputs, axis=1))
        # Outputs of each sample add up to 1, so the largest is above 0.
        positive = np.maximum(outputs, 0.0)
        return np.asarray(positive / positive.sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> Any:
        """Return the most probable classes for samples `X` (q, d).

        Parameters
        ----------
        X : array_like or DataFrame of shape (q, d)
            Samples.

        Returns
        -------
        ndarray of shape (q,)
            Labels.
        """
        outputs = self._outputs(X)
        return self.classes_[np.argmax(outputs, axis=1)]
