"""What the trainer refuses, and what it makes of data that have little to teach."""

import numpy as np
import pytest

from saddles.optim import AGF, maximise_utility, minimise_cost
from saddles.status import Status

torch = pytest.importorskip("torch")

X = np.random.default_rng(0).standard_normal((30, 3))
Y = np.random.default_rng(1).standard_normal(30)
BROKEN = np.where(np.arange(90).reshape(30, 3) == 10, np.nan, X)


@pytest.mark.parametrize(
    ("options", "data", "said"),
    [
        ({}, (BROKEN, Y), r"X\[3, 1\]=nan is not finite"),
        ({}, (X, Y[:-1]), "same number of rows"),
        ({}, (X * 1e100, Y), "overflow"),
        ({"neuron": lambda w, X: torch.tanh(X @ w)}, (X, Y), "not homogeneous in w"),
        ({"neuron": lambda w, X: (X @ w)[:, None]}, (X, Y), r"one feature per sample, \(30,\)"),
        ({"neuron": lambda w, X: (X @ w).detach()}, (X, Y), r"another gradient in w.*detach"),
        ({"neuron": lambda w, X: 1e-200 * X @ w}, (X, Y), r"multiply neuron\(w, X\)"),
        ({"neuron": lambda w, X: X @ w - (X @ w).mean()}, (X, Y), "depends on the other samples"),
        ({"loss": "logistic"}, (X, Y), "probabilities"),
        ({"starts": np.ones((2, 3))}, (X, Y), r"must be \(S, 4\)"),
    ],
)
def test_bad_data_are_refused_with_a_remedy(options, data, said):
    with pytest.raises(ValueError, match=said):
        AGF(**options).fit(*data)


def test_a_function_need_not_stand_being_mapped_over_no_neurons():
    trainer = AGF(lambda w, X: (X @ w) ** 2 / w.norm(), max_neurons=1).fit(X, Y)
    assert trainer.path[1].loss < trainer.path[0].loss


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"neuron": "tanh"}, "neuron='tanh' must be one of"),
        ({"device": "cuda:99"}, "device='cuda:99' is not available.*use device='cpu'"),
        ({"dtype": "float16"}, "dtype='float16'"),
        ({"ridge": -1.0}, r"ridge=-1\.0"),
        ({"loss": "logistic", "cost": "lm"}, "use 'lbfgs'"),
        ({"max_neurons": 0}, "max_neurons=0"),
    ],
)
def test_bad_options_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        AGF(**options)


@pytest.mark.parametrize(
    "data",
    [(X[:1], Y[:1]), (X, np.full(30, 1e6 + 1 / 3)), (0 * X, Y)],
    ids=["one row", "constant targets", "no features"],
)
def test_where_there_is_nothing_to_learn_the_network_is_its_offset(data):
    trainer = AGF().fit(*data)
    assert trainer.status is Status.NOTHING_TO_LEARN
    assert trainer.network.width == 0
    assert trainer.predict(X) == pytest.approx(np.mean(data[1]))


@pytest.mark.parametrize("patience", [2, None])
def test_more_neurons_than_rows_are_never_needed(patience):
    trainer = AGF(max_neurons=20, patience=patience).fit(X[:6], Y[:6])
    assert trainer.network.width < 6


@pytest.mark.parametrize("cost", ["lm", "lbfgs", "outputs"])
def test_a_cost_is_never_above_that_of_its_start(cost):
    W = np.random.default_rng(2).standard_normal((4, 3))
    start = minimise_cost("relu", W, X, Y, "outputs", ridge=0.1)
    end = minimise_cost("relu", 3 * W, X, Y, cost, ridge=0.1)
    assert end.penalised <= start.penalised
    assert np.linalg.norm(end.W, axis=1) == pytest.approx(1)
    assert end.penalised == pytest.approx(end.loss + 0.05 * np.sum(end.A**2))
    assert end.residual[:, 0] == pytest.approx(Y - (np.maximum(X @ end.W.T, 0) @ end.A)[:, 0])


@pytest.mark.parametrize("criterion", ["decrease", "utility"])
def test_an_ascent_never_ends_below_its_start(criterion):
    starts = np.random.default_rng(3).standard_normal((8, 3))
    found = maximise_utility("relu", X, Y, starts=starts, criterion=criterion)
    F = np.maximum(X @ (starts / np.linalg.norm(starts, axis=1, keepdims=True)).T, 0)
    pulls = np.abs(Y @ F)
    norms = np.linalg.norm(F, axis=0) * np.linalg.norm(Y) if criterion == "decrease" else len(X)
    assert found.utilities[0] >= (pulls / norms).max()
    assert (np.diff(found.utilities) <= 0).all()


@pytest.mark.parametrize("scale", [1e-150, 1e-60, 1e60, 1e150])
def test_the_halves_refuse_sizes_whose_powers_overflow_or_underflow(scale):
    for samples, values in ((X * scale, Y), (X, Y * scale)):
        with pytest.raises(ValueError, match="overflow or underflow"):
            maximise_utility("quadratic", samples, values)
        with pytest.raises(ValueError, match="overflow or underflow"):
            minimise_cost("quadratic", np.eye(3), samples, values, "lbfgs")


@pytest.mark.parametrize("scale", [1e-45, 1e45])
def test_the_unit_of_samples_and_targets_changes_no_width(scale):
    y = np.maximum(X[:, 0], 0)
    grown = [AGF("quadratic", max_neurons=2).fit(X * s, y * s) for s in (1.0, scale)]
    assert grown[0].network.width == grown[1].network.width > 0


def test_samples_must_fit_their_precision():
    with pytest.raises(ValueError, match="overflow or underflow"):
        AGF(dtype="float32").fit(X * 1e-45, Y)


def test_norms_of_unit_weights_do_not_matter_however_small_they_are():
    y = np.maximum(X[:, 0], 0)
    costs = [minimise_cost("relu", [[s, s, 0.0]], X, y) for s in (1.0, 2.0**-700)]
    assert costs[0] == costs[1]
    best = maximise_utility("relu", X, y, starts=[[1e-200, 0.0, 0.0]])
    assert np.isfinite(best.utilities).all()


@pytest.mark.parametrize(
    "neuron",
    [
        lambda w: w,
        lambda w, X: X,
        lambda w, X: np.maximum(X @ w, 0),
        lambda w, X: np.ones(len(X)),
        lambda w, X: (X @ w).sum(),
        lambda w, X: (X @ w > 0).long(),
        lambda w, X: {}[0],
    ],
    ids=["one argument", "wrong shape", "numpy", "no tensor", "one number", "integers", "key"],
)
def test_a_function_that_fails_is_named_and_told_what_it_must_take(neuron):
    with pytest.raises(ValueError, match=r"neuron\(w, X\) (raises|has shape)"):
        AGF(neuron).fit(X, Y)


def test_more_neurons_a_jump_than_may_be_active_are_cut_down():
    y = np.maximum(X[:, 0], 0)
    assert AGF(max_neurons=3, per_jump=5).fit(X, y).network.width == 1


def test_a_start_wider_than_the_largest_width_is_refused():
    with pytest.raises(ValueError, match="max_neurons=2 is below the 4 neurons"):
        AGF(max_neurons=2).fit(X, Y, start=np.eye(4))


def test_no_device_is_the_processor_and_no_neurons_are_a_module():
    trainer = AGF(device=None).fit(X, 0 * Y + 2)
    assert repr(trainer) == "AGF(neuron='relu', width=0, status=NOTHING_TO_LEARN)"
    assert trainer.module()(torch.tensor(X)).detach().numpy() == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("samples", "starts"),
    [
        ([[1.0]], [[-1.0]]),
        ([[1.0, 0.0], [-1.0, 0.5]], [[1.0, 0.0]]),
        ([[1.0, 0.0], [1.0, 0.5]], [[-1.0, 0.1], [-1.0, -1.0]]),
    ],
)
def test_starts_that_see_too_few_samples_do_not_end_in_convergence(samples, starts):
    y = np.arange(1.0, 1 + len(samples))
    trainer = AGF("relu", bias=False, starts=np.array(starts)).fit(samples, y)
    assert trainer.status is Status.NO_GROWTH
    assert trainer.path[-1].loss > 0.1
