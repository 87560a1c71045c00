"""Estimators: scikit-learn's own checks, and that they say what the path says."""

import subprocess
import sys
import time
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    make_friedman1,
    make_friedman2,
    make_friedman3,
    make_regression,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LassoLarsCV, LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import saddles
from saddles.estimators import SaddlePathCV, SaddlePathRegressor

# Least squares by two methods, on data of condition below 1e3.
SOLVED = 1e-9


def samples(seed=0, n=60, d=12):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) + 3.0
    return X, X[:, :3] @ [3.0, -2.0, 1.0] + 0.5 * random.normal(size=n) + 7.0


@pytest.mark.parametrize(
    "model",
    [
        SaddlePathRegressor(),
        SaddlePathRegressor(2, fit_intercept=False),
        SaddlePathCV(cv=2),
        SaddlePathCV(cv=3, rule="one_standard_error", positive=True),
    ],
    ids=str,
)
def test_scikit_learns_checks_pass(model):
    own = {r["check_name"] for r in skipped(check_estimator(LassoLarsCV(), on_skip=None))}
    assert {r["check_name"] for r in skipped(check_estimator(model, on_skip=None))} <= own


def skipped(results):
    return [result for result in results if result["status"] != "passed"]


def test_the_model_is_the_saddle_of_the_centred_samples():
    X, y = samples()
    path = saddles.pesme_flammarion(X - X.mean(axis=0), y - y.mean())
    for jumps in range(len(path)):
        model = SaddlePathRegressor(jumps).fit(X, y)
        assert model.n_iter_ == len(model.path_) - 1 == jumps
        assert_allclose(model.coef_, path.betas[jumps], rtol=1e-12)
        assert_allclose(model.predict(X).mean(), y.mean(), rtol=1e-12)
    staged = list(model.staged_predict(X))
    assert len(staged) == len(path)
    assert_allclose(staged[-1], model.predict(X), rtol=1e-12)
    assert_allclose(staged[2], SaddlePathRegressor(2).fit(X, y).predict(X), rtol=1e-12)


@pytest.mark.parametrize("intercept", [True, False])
def test_the_end_is_least_squares(intercept):
    X, y = samples()
    weight = np.arange(len(y)) % 3
    ours = SaddlePathRegressor(fit_intercept=intercept).fit(X, y, sample_weight=weight)
    theirs = LinearRegression(fit_intercept=intercept).fit(X, y, sample_weight=weight)
    assert_allclose(ours.coef_, theirs.coef_, rtol=SOLVED)
    assert_allclose(ours.intercept_, theirs.intercept_, rtol=SOLVED, atol=1e-12)


@pytest.mark.parametrize("constant", [0.1, 1e6 + 0.1])
def test_what_is_constant_up_to_rounding_is_no_feature(constant):
    X, y = samples()
    X[:, 5] = constant
    model = SaddlePathRegressor().fit(X, y)
    assert model.coef_[5] == 0
    assert np.abs(model.coef_).max() < 10
    flat = SaddlePathRegressor().fit(X, np.full(len(y), constant))
    assert not flat.coef_.any()
    assert flat.intercept_ == pytest.approx(constant, rel=1e-15)


def test_a_shift_of_the_samples_moves_the_intercept_alone():
    X, y = samples()
    model, shifted = SaddlePathCV().fit(X, y), SaddlePathCV().fit(X - 5.0, y + 2.0)
    assert model.n_jumps_ == shifted.n_jumps_
    assert_allclose(shifted.coef_, model.coef_, rtol=1e-10, atol=1e-12)
    assert_allclose(shifted.predict(X - 5.0), model.predict(X) + 2.0, rtol=1e-10)


def test_positive():
    X, y = samples()
    assert (SaddlePathRegressor().fit(X, y).coef_ < 0).any()
    assert (SaddlePathRegressor(positive=True).fit(X, y).coef_ >= 0).all()


def test_cross_validation_is_what_scikit_learn_computes_from_the_regressor():
    X, y = samples()
    folds = KFold(4, shuffle=True, random_state=1)
    model = SaddlePathCV(cv=folds).fit(X, y)
    for jumps, errors in enumerate(model.mse_path_):
        scores = cross_val_score(
            SaddlePathRegressor(jumps), X, y, cv=folds, scoring="neg_mean_squared_error"
        )
        assert_allclose(errors, -scores, rtol=1e-9)
    means = model.mse_path_.mean(axis=1)
    assert model.n_jumps_ == means.argmin()
    early = SaddlePathCV(cv=folds, rule="one_standard_error").fit(X, y)
    best = model.mse_path_[means.argmin()]
    bound = best.mean() + best.std(ddof=1) / 2.0
    assert early.n_jumps_ == np.flatnonzero(means <= bound)[0] <= model.n_jumps_
    search = GridSearchCV(SaddlePathRegressor(), {"n_jumps": range(len(means))}, cv=folds,
                          scoring="neg_mean_squared_error").fit(X, y)  # fmt: skip
    assert search.best_params_ == {"n_jumps": model.n_jumps_}


def test_weights_are_copies_of_samples():
    X, y = samples(n=30)
    weight = np.arange(len(y)) % 4
    folds = np.arange(len(y)) % 3
    copies = np.repeat(np.arange(len(y)), weight)
    splits = [((folds != k).nonzero()[0], (folds == k).nonzero()[0]) for k in range(3)]
    of_copies = [tuple(np.isin(copies, part).nonzero()[0] for part in split) for split in splits]
    weighted = SaddlePathCV(cv=splits).fit(X, y, sample_weight=weight)
    copied = SaddlePathCV(cv=of_copies).fit(X[copies], y[copies])
    assert_allclose(weighted.mse_path_, copied.mse_path_, rtol=1e-9)
    assert_allclose(weighted.coef_, copied.coef_, rtol=1e-9, atol=1e-12)


def test_every_sample_left_out_counts_as_much_whatever_its_fold():
    X, y = samples(seed=2)
    rows = np.arange(len(y))
    model = SaddlePathCV(cv=[(rows[5:], rows[:5]), (rows[:30], rows[30:])]).fit(X, y)
    pooled = np.average(model.mse_path_, axis=1, weights=[5, 30])
    assert model.n_jumps_ == pooled.argmin() != model.mse_path_.mean(axis=1).argmin()


def test_folds_in_parallel_change_nothing():
    X, y = samples()
    alone, together = SaddlePathCV().fit(X, y), SaddlePathCV(n_jobs=2).fit(X, y)
    assert (alone.mse_path_ == together.mse_path_).all()
    assert (alone.coef_ == together.coef_).all()


def test_data_frames_and_pipelines():
    frame, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    model = SaddlePathRegressor(3).fit(frame, y)
    assert model.feature_names_in_.tolist() == list(frame)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[frame.columns[::-1]])
    pipeline = make_pipeline(PolynomialFeatures(1, include_bias=False), StandardScaler(),
                             SaddlePathCV(cv=3)).set_output(transform="pandas")  # fmt: skip
    fitted = pipeline.fit(frame, y)[-1]
    assert fitted.feature_names_in_[fitted.coef_.nonzero()[0]][:2].tolist() == ["sex", "bmi"]
    assert pd.Series(pipeline.predict(frame), frame.index).corr(y) > 0.7


def test_a_grid_over_a_pipeline_on_a_data_frame():
    frame, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    pipeline = make_pipeline(StandardScaler(), SaddlePathRegressor())
    grid = {"saddlepathregressor__n_jumps": [0, 2, 5]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(frame, y)
    assert search.best_params_ == {"saddlepathregressor__n_jumps": 5}
    assert search.score(frame, y) > 0.45


def test_a_fold_that_fails_limits_what_is_tried(monkeypatch):
    X, y = samples()
    follow, calls = saddles.pesme_flammarion, []

    def failing(problem, *, start, max_jumps, boundaries, on_failure):
        calls.append(max_jumps)
        path = follow(problem, max_jumps=max_jumps, boundaries=boundaries)
        if len(calls) == 2:
            part = follow(problem, max_jumps=2, boundaries=boundaries)
            return type(part)(**{**vars(part), "status": saddles.Status.INACCURATE})
        return path

    monkeypatch.setattr(saddles, "pesme_flammarion", failing)
    with pytest.warns(ConvergenceWarning, match="until jump 2 only"):
        model = SaddlePathCV().fit(X, y)
    assert model.mse_path_.shape == (3, 5)


def test_a_path_that_fails_before_the_jump_asked_for_is_an_error():
    X, y = samples()
    # Two columns that differ in their tenth digit: when the second one enters is not certain.
    X[:, 3] = X[:, 0] + 1e-10 * X[:, 3]
    centred = X - X.mean(axis=0)
    path = saddles.pesme_flammarion(centred, y - y.mean(), on_failure="return")
    assert not path.success
    with pytest.raises(saddles.PathError, match="Drop or merge"):
        SaddlePathRegressor().fit(X, y)
    right = SaddlePathRegressor(len(path) - 1).fit(X, y)
    assert_allclose(right.coef_, path.betas[-1], rtol=1e-9)


BAD = {
    "negative": (SaddlePathRegressor(-1), ValueError, "n_jumps=-1"),
    "fraction": (SaddlePathRegressor(1.5), TypeError, "n_jumps=1.5"),
    "intercept": (SaddlePathRegressor(fit_intercept="no"), TypeError, "fit_intercept='no'"),
    "rule": (SaddlePathCV(rule="worst"), ValueError, "rule='worst'"),
    "jumps": (SaddlePathCV(max_jumps="2"), TypeError, "max_jumps='2'"),
    "sign": (SaddlePathCV(positive=1), TypeError, "positive=1"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_parameters_are_named(kind):
    model, error, match = BAD[kind]
    with pytest.raises(error, match=match):
        model.fit(*samples())


EVERY = np.arange(60)
BAD_FOLDS = {
    "none": ([], ValueError, "cv has no fold; give at least one"),
    "used up": (iter([]), ValueError, "A generator is used up by the first fit: pass a list"),
    "no training": ([(EVERY[5:], EVERY[:5]), ([], EVERY)], ValueError, "fold 1 of cv has no train"),
    "no test": ([(EVERY, np.zeros(60, bool))], ValueError, "fold 0 of cv has no test samples"),
    "other data": ([(EVERY, [60])], ValueError, "fold 0 of cv has the test sample 60, but there"),
    "below": ([([-61, 2], EVERY)], ValueError, "fold 0 of cv has the training sample -61, but"),
    "short mask": ([([True, False], EVERY)], TypeError, "True or False for each of the 60 rows"),
    "fractions": ([(EVERY, [0.0, 1.0])], TypeError, "fold 0 of cv has test samples"),
    "no pair": ([EVERY], TypeError, "fold 0 of cv is .* it must be a pair of index arrays"),
}


@pytest.mark.parametrize("kind", BAD_FOLDS)
def test_a_fold_that_cannot_be_one_is_named(kind):
    cv, error, match = BAD_FOLDS[kind]
    with pytest.raises(error, match=match):
        SaddlePathCV(cv=cv).fit(*samples())


def test_a_generator_of_folds_serves_once_and_then_says_so():
    X, y = samples()
    model = SaddlePathCV(cv=KFold(3).split(X))
    assert (model.fit(X, y).mse_path_ == SaddlePathCV(cv=3).fit(X, y).mse_path_).all()
    with pytest.raises(ValueError, match="pass a list of its folds"):
        model.fit(X, y)


def test_masks_are_folds_as_numbers_of_rows_are():
    X, y = samples()
    masks = [(np.arange(60) % 3 != k, np.arange(60) % 3 == k) for k in range(3)]
    rows = [(train.nonzero()[0], test.nonzero()[0]) for train, test in masks]
    by_mask, by_row = SaddlePathCV(cv=masks).fit(X, y), SaddlePathCV(cv=rows).fit(X, y)
    assert (by_mask.mse_path_ == by_row.mse_path_).all()


def test_groups_are_split_as_wholes():
    X, y = samples()
    groups = np.arange(60) // 7
    folds = list(GroupKFold(3).split(X, y, groups))
    model = SaddlePathCV(cv=GroupKFold(3)).fit(X, y, groups=groups)
    assert (model.mse_path_ == SaddlePathCV(cv=folds).fit(X, y).mse_path_).all()
    piped = make_pipeline(StandardScaler(), SaddlePathCV(cv=GroupKFold(3)))
    piped.fit(X, y, saddlepathcv__groups=groups)
    with pytest.raises(ValueError, match="groups"):
        SaddlePathCV(cv=GroupKFold(3)).fit(X, y)


def test_small_variation_of_large_numbers_is_a_feature():
    """The coefficient is that of exact arithmetic on these floats."""
    k = np.arange(1000) % 4
    X = (1.7e9 + 2e-4 * k)[:, None]
    xs = [Fraction(x) for x in X[:, 0]]
    mean = sum(xs) / 1000
    slope = sum((x - mean) * int(j) for x, j in zip(xs, k, strict=True))
    slope /= sum((x - mean) ** 2 for x in xs)
    model = SaddlePathRegressor().fit(X, k)
    assert model.coef_ == pytest.approx([float(slope)], rel=1e-12)
    assert float(slope) == pytest.approx(4999.17, abs=0.01)
    assert model.score(X, k) == pytest.approx(1.0, abs=1e-5)
    path = saddles.pesme_flammarion(saddles.Regression(X, k, centre=True))
    assert path.betas[-1] == pytest.approx(model.coef_, rel=1e-12)


@pytest.mark.parametrize("model", [SaddlePathRegressor(4), SaddlePathCV(cv=3)], ids=str)
@pytest.mark.parametrize("kind", ["csr_array", "csc_matrix", "coo_array"])
def test_sparse_samples_are_as_good_as_dense_ones(model, kind):
    X, y = samples()
    X = X * (X > 3.5)
    sparse = getattr(scipy.sparse, kind)(X)
    of_dense, of_sparse = sklearn.clone(model).fit(X, y), sklearn.clone(model).fit(sparse, y)
    assert_allclose(of_sparse.coef_, of_dense.coef_, rtol=1e-9, atol=1e-12)
    assert_allclose(of_sparse.predict(sparse), of_dense.predict(X), rtol=1e-9)
    both = zip(of_sparse.staged_predict(sparse), of_dense.staged_predict(X), strict=True)
    for ours, theirs in both:
        assert_allclose(ours, theirs, rtol=1e-9)
    assert_allclose(of_dense.predict(sparse), of_dense.predict(X), rtol=1e-12)


def test_the_output_of_encoders_is_taken_as_it_is():
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"town": random.choice(list("abcdefgh"), 200), "size": random.random(200)})
    y = 3.0 * (frame.town == "b") - 2.0 * (frame.town == "e") + frame["size"]
    encoder = OneHotEncoder(), ["town"]
    both = make_column_transformer(encoder, remainder="passthrough", sparse_threshold=1.0)
    for transformer in (both, make_column_transformer(encoder)):
        pipeline = make_pipeline(transformer, SaddlePathCV(cv=3))
        assert scipy.sparse.issparse(transformer.fit_transform(frame))
        assert pipeline.fit(frame, y).score(frame, y) > 0.9
        assert set(pipeline[-1].active_[:2]) <= {1, 4, 8}


def test_several_outputs_are_several_models():
    X, y = samples()
    Y = np.column_stack([y, -X[:, 3], X[:, 5] + 0.5 * y])
    for model in (SaddlePathRegressor(3), SaddlePathCV(cv=3)):
        whole = sklearn.clone(model).fit(X, Y)
        parts = [sklearn.clone(model).fit(X, column) for column in Y.T]
        assert_allclose(whole.coef_, [part.coef_ for part in parts], rtol=1e-12)
        assert_allclose(whole.intercept_, [part.intercept_ for part in parts], rtol=1e-12)
        assert whole.n_iter_ == [part.n_iter_ for part in parts]
        together = np.column_stack([part.predict(X) for part in parts])
        assert_allclose(whole.predict(X), together, rtol=1e-12)
        assert_allclose(list(whole.staged_predict(X))[-1], together, rtol=1e-10)
        for stage, stages in enumerate(whole.staged_predict(X)):
            apart = np.column_stack([part.predict(X, n_jumps=stage) for part in parts])
            assert_allclose(stages, apart, rtol=1e-10)
        for found, part in zip(whole.active_, parts, strict=True):
            assert (found == part.active_).all()


def test_every_saddle_of_the_path_can_be_asked():
    X, y = samples()
    model = SaddlePathRegressor().fit(X, y)
    assert model.coef_path_.shape == (12, len(model.path_))
    assert (model.coef_path_[:, -1] == model.coef_).all()
    assert (model.active_ == model.coef_.nonzero()[0]).all()
    for jumps in (0, 2, 5):
        early = SaddlePathRegressor(jumps).fit(X, y)
        assert_allclose(model.predict(X, n_jumps=jumps), early.predict(X), rtol=1e-12)
        assert_allclose(model.coef_path_[:, jumps], early.coef_, rtol=1e-12)
    assert_allclose(model.predict(X, n_jumps=99), model.predict(X), rtol=1e-12)
    with pytest.raises(ValueError, match="n_jumps=-1"):
        model.predict(X, n_jumps=-1)
    with pytest.raises(AttributeError):
        _ = SaddlePathRegressor().coef_path_


@pytest.mark.parametrize("model", [SaddlePathRegressor(3), SaddlePathCV(cv=3)], ids=str)
def test_single_precision_stays_single(model):
    X, y = samples()
    single = X.astype(np.float32)
    for given in (single, scipy.sparse.csr_array(single)):
        fitted = sklearn.clone(model).fit(given, y)
        found = (fitted.coef_, fitted.intercept_, fitted.predict(given))
        assert {part.dtype for part in found} == {np.dtype(np.float32)}
        assert {stage.dtype for stage in fitted.staged_predict(given)} == {np.dtype(np.float32)}
        assert_allclose(fitted.coef_, sklearn.clone(model).fit(X, y).coef_, rtol=1e-4, atol=1e-5)


def test_what_single_precision_cannot_hold_is_an_error():
    X = np.array([[1e-30], [2e-30], [4e-30]], dtype=np.float32)
    with pytest.raises(ValueError, match=r"X is float32, which cannot hold .*e\+49"):
        SaddlePathRegressor().fit(X, [1e20, 3e20, 4e20])


def test_as_many_jumps_are_tried_as_it_takes():
    """Until the best one lies in the first half; a number asked for is tried whole."""
    random = np.random.default_rng(0)
    X = random.normal(size=(80, 120))
    few, many = X[:, :3] @ [3.0, 2.0, 1.0], X[:, :40] @ np.geomspace(9, 1, 40)
    noise = 0.5 * random.normal(size=80)
    model = SaddlePathCV(cv=3).fit(X, few + noise)
    assert len(model.mse_path_) == 33 > 2 * model.n_jumps_
    asked = SaddlePathCV(cv=3, max_jumps=60).fit(X, few + noise)
    assert len(asked.mse_path_) == 61
    assert_allclose(asked.mse_path_[:33], model.mse_path_, rtol=1e-9)
    assert asked.n_jumps_ == model.n_jumps_
    later = SaddlePathCV(cv=3).fit(X, many)
    assert len(later.mse_path_) > 33
    whole = SaddlePathCV(cv=3, max_jumps=10_000).fit(X, many)
    assert_allclose(whole.mse_path_[: len(later.mse_path_)], later.mse_path_, rtol=1e-6)
    assert whole.n_jumps_ == later.n_jumps_


def squared(data):
    return PolynomialFeatures(2, include_bias=False).fit_transform(data[0]), data[1]


REGRESSIONS = {
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "its squares": lambda: squared(load_diabetes(return_X_y=True)),
    "friedman1": lambda: squared(make_friedman1(400, noise=1.0, random_state=0)),
    "friedman2": lambda: squared(make_friedman2(400, noise=50.0, random_state=0)),
    "friedman3": lambda: squared(make_friedman3(400, noise=0.1, random_state=0)),
    "sparse": lambda: make_regression(100, 200, n_informative=8, noise=10.0, random_state=0),
    "low rank": lambda: make_regression(
        300, 50, n_informative=30, effective_rank=20, noise=1.0, random_state=1
    ),
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
}


#: Data whose whole paths have more than a thousand jumps.
LONG = ("its squares",)


@pytest.mark.parametrize(
    "name", [pytest.param(k, marks=pytest.mark.slow) if k in LONG else k for k in REGRESSIONS]
)
def test_trying_fewer_jumps_chooses_as_trying_all(name):
    X, y = REGRESSIONS[name]()
    X = StandardScaler().fit_transform(X)
    model, whole = SaddlePathCV().fit(X, y), SaddlePathCV(max_jumps=10_000).fit(X, y)
    assert model.n_jumps_ == whole.n_jumps_
    assert_allclose(model.coef_, whole.coef_, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", REGRESSIONS)
def test_it_takes_at_most_three_times_as_long_as_the_lasso_by_lars(name):
    X, y = REGRESSIONS[name]()
    X = StandardScaler().fit_transform(X)
    least = {SaddlePathCV(): np.inf, LassoLarsCV(): np.inf}
    for _ in range(8):
        for model in least:  # in turn, on a machine that others use too
            begin = time.process_time()
            model.fit(X, y)
            least[model] = min(least[model], time.process_time() - begin)
    ours, theirs = least.values()
    assert ours <= 3 * theirs


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_equal_up_to_rounding_is_constant_however_it_is_stored(sparse, kind):
    """A column of 0.1, computed in several ways, differs by an ulp of its own precision."""
    X, y = samples()
    X = X.astype(kind)
    X[:, 5] = kind(0.1)
    X[::2, 5] = np.nextafter(kind(0.1), kind(1))
    model = SaddlePathRegressor().fit(scipy.sparse.csr_array(X) if sparse else X, y)
    assert model.coef_[5] == 0
    assert np.abs(model.coef_).max() < 10


def test_groups_are_routed_where_routing_is_on():
    X, y = samples()
    groups = np.arange(60) // 7
    with sklearn.config_context(enable_metadata_routing=True):
        model = SaddlePathCV(cv=GroupKFold(3)).set_fit_request(groups=True)
        piped = make_pipeline(StandardScaler(), model).fit(X, y, groups=groups)
    folds = list(GroupKFold(3).split(X, y, groups))
    assert (
        piped[-1].mse_path_ == SaddlePathCV(cv=folds).fit(piped[0].transform(X), y).mse_path_
    ).all()


def test_weights_must_leave_something():
    X, y = samples()
    with pytest.raises(ValueError, match="zero"):
        SaddlePathRegressor().fit(X, y, sample_weight=np.zeros(len(y)))
    with pytest.raises(ValueError, match="no fold"):
        SaddlePathCV().fit(X, y, sample_weight=np.eye(len(y))[0])


def test_without_scikit_learn_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['sklearn'] = sys.modules['sklearn.base'] = None\n"
        "import saddles; saddles.estimators\n"
        "try: saddles.estimators.SaddlePathCV\n"
        "except ImportError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "saddles[sklearn]" in run.stdout


def test_what_there_was_time_for_is_said():
    X, y = np.eye(6), np.arange(6.0, 0, -1)
    with pytest.warns(ConvergenceWarning, match="followed for 0 jumps only: .* time_limit"):
        model = SaddlePathRegressor(fit_intercept=False, time_limit=1e-9).fit(X, y)
    assert model.path_.status is saddles.Status.TIME_LIMIT
    assert not model.coef_.any()
    whole = SaddlePathRegressor(fit_intercept=False, time_limit=1e3).fit(X, y)
    np.testing.assert_allclose(whole.coef_, y)
    with pytest.raises((TimeoutError, saddles.PathError), match="time_limit"):
        SaddlePathCV(cv=3, time_limit=1e-9).fit(X, y)
    assert (
        SaddlePathCV(cv=3, time_limit=1e3).fit(X, y).n_jumps_
        == SaddlePathCV(cv=3).fit(X, y).n_jumps_
    )


@pytest.mark.parametrize("model", [SaddlePathRegressor(), SaddlePathCV(cv=3)])
def test_a_bar_of_progress_changes_nothing_else(model, capfd):
    X, y = np.eye(6), np.arange(6.0, 0, -1)
    plain, shown = clone(model).fit(X, y), clone(model).set_params(progress=True).fit(X, y)
    assert (plain.coef_ == shown.coef_).all()
    said = capfd.readouterr().err
    assert "jumps" in said
    assert ("3/3" in said) == isinstance(model, SaddlePathCV)
    with pytest.raises(TypeError, match="progress=1 must be True or False"):
        clone(model).set_params(progress=1).fit(X, y)
