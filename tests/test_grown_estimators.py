"""Networks that find their own width: scikit-learn's own checks, and what their attributes say."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from saddles.estimators import AGFClassifier, AGFRegressor
from tests.optim.teachers import teacher


@pytest.mark.parametrize(
    "model",
    [
        AGFRegressor(max_neurons=1, starts=4),
        pytest.param(AGFRegressor("quadratic", validation_fraction=0.2), marks=pytest.mark.slow),
        pytest.param(AGFClassifier(max_neurons=4), marks=pytest.mark.slow),
        AGFClassifier(max_neurons=2, starts=4, patience=1, loss="squared"),
    ],
    ids=str,
)
def test_scikit_learns_checks_pass(model):
    results = check_estimator(model, on_skip=None)
    left = {result["check_name"] for result in results if result["status"] != "passed"}
    assert left <= {"check_array_api_input"}  # needs an environment variable, for every estimator


def test_coefficients_are_those_of_the_network_in_the_units_given():
    (X, y), (Xt, yt), _ = teacher(0)
    X, Xt = X * 100.0 + 7.0, Xt * 100.0 + 7.0
    model = AGFRegressor().fit(X, y)
    (W, A), (b, c) = model.coefs_, model.intercepts_
    assert W.shape == (6, model.n_neurons_)
    assert (np.maximum(Xt @ W + b, 0) @ A + c)[:, 0] == pytest.approx(model.predict(Xt))
    assert model.n_neurons_ == 3
    assert model.predict(Xt) == pytest.approx(yt, abs=1e-8)


def test_a_warm_start_goes_on_with_the_neurons_of_the_last_fit():
    samples, _, _ = teacher(0)
    model = AGFRegressor(max_neurons=1, warm_start=True).fit(*samples)
    assert model.n_neurons_ == 1
    model.set_params(max_neurons=3).fit(samples[0] * 2.0, samples[1])
    assert len(model.path_[0].active) == 1
    assert model.n_neurons_ == 3
    assert model.score(samples[0] * 2.0, samples[1]) == pytest.approx(1)
    with pytest.raises(ValueError, match="features"):
        model.fit(samples[0][:, :4], samples[1])


@pytest.mark.parametrize("loss", ["logistic", "squared"])
def test_classes_are_learnt_with_probabilities_that_add_up(loss):
    X, y = load_iris(return_X_y=True)
    names = np.array(["a", "b", "c"])[y]
    model = make_pipeline(StandardScaler(), AGFClassifier(loss=loss, max_neurons=3)).fit(X, names)
    shares = model.predict_proba(X)
    assert shares.sum(axis=1) == pytest.approx(1)
    assert (shares >= 0).all()
    assert (model.predict(X) == model.classes_[shares.argmax(axis=1)]).all()
    assert model.score(X, names) > 0.9


def test_the_same_seed_gives_the_same_bits_and_samples_may_be_held_out():
    samples, (Xt, _), _ = teacher(1, noise=0.3)
    model = AGFRegressor(max_neurons=4, validation_fraction=0.25)
    once, again = clone(model).fit(*samples), clone(model).fit(*samples)
    assert once.path_[1].validation is not None
    assert once.predict(Xt).tobytes() == again.predict(Xt).tobytes()


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="only one class, 'a'"):
        AGFClassifier().fit(np.eye(3), ["a", "a", "a"])
    with pytest.raises(ValueError, match=r"validation_fraction=1\.0"):
        AGFRegressor(validation_fraction=1.0).fit(np.eye(3), [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"validation_fraction=0\.99: 3 samples .*test_size=0\.99"):
        AGFRegressor(validation_fraction=0.99).fit(np.eye(3), [1.0, 2.0, 3.0])


def test_samples_whose_squares_overflow_are_refused():
    X = np.random.default_rng(0).standard_normal((20, 2))
    with pytest.raises(ValueError, match="square overflows"):
        AGFRegressor().fit(X * 1e160, X[:, 0])
