"""The trainer: teachers recovered at their width, laws of its jumps, and what it refuses."""

import numpy as np
import pytest

from saddles.optim import AGF
from saddles.status import Status
from tests.optim.teachers import teacher


@pytest.mark.parametrize("seed", range(4))
def test_a_teacher_is_recovered_at_its_width(seed):
    samples, (Xt, yt), W = teacher(seed)
    trainer = AGF("relu", seed=seed).fit(*samples)
    network = trainer.network
    assert trainer.status is Status.CONVERGED
    assert network.width == len(W)
    cosines = np.abs(network.weights @ W.T) / np.linalg.norm(network.weights, axis=1)[:, None]
    assert cosines.max(axis=0) == pytest.approx(1)
    assert network.predict(Xt) == pytest.approx(yt, abs=1e-10)


def test_noise_does_not_widen_the_network():
    samples, _, W = teacher(0, n=1000, noise=0.1)
    trainer = AGF("relu").fit(*samples)
    assert trainer.status is Status.NO_GAIN
    assert trainer.network.width == len(W)


def test_zero_neurons_are_a_candidate():
    draw = np.random.default_rng(0)
    X, y, Xv, yv = (draw.standard_normal(size) for size in ((50, 4), 50, (50, 4), 50))
    trainer = AGF("relu").fit(X, y, validation=(Xv, yv))
    assert trainer.network.width == 0
    assert trainer.predict(Xv) == pytest.approx(np.append(y, yv).mean())


@pytest.mark.parametrize("neuron", ["relu", "leaky", "linear"])
def test_the_module_is_the_network(neuron):
    torch = pytest.importorskip("torch")
    (X, y), _, _ = teacher(4, noise=0.1)
    trainer = AGF(neuron, max_neurons=3).fit(X, np.stack([y, X[:, 0]], axis=1))
    out = trainer.module()(torch.tensor(X)).detach().numpy()
    assert out == pytest.approx(trainer.predict(X), abs=1e-12)


def test_quadratic_neurons_have_no_module():
    (X, y), _, _ = teacher(4)
    with pytest.raises(ValueError, match="has no activation in torch"):
        AGF("quadratic", max_neurons=1).fit(X, y).module()


def test_a_function_of_torch_grows_the_same_network():
    torch = pytest.importorskip("torch")
    (X, y), (Xt, _), _ = teacher(0, n=200, noise=0.1)
    options = {"max_neurons": 2, "starts": 4}
    closed = AGF("leaky", **options).fit(X, y)
    general = AGF(lambda w, X: torch.nn.functional.leaky_relu(X @ w), **options).fit(X, y)
    assert [step.neurons for step in general.path] == [step.neurons for step in closed.path]
    assert general.predict(Xt) == pytest.approx(closed.predict(Xt), rel=1e-5)


def test_many_samples_are_learnt_from_some():
    (X, y), (Xt, yt), _ = teacher(5, n=3000)
    trainer = AGF("relu", batch_size=400).fit(X, y)
    assert trainer.network.width == 3
    assert trainer.predict(Xt) == pytest.approx(yt, abs=1e-10)


def test_growth_ends_where_some_of_many_samples_show_noise_alone():
    (X, y), (Xt, yt), _ = teacher(5, n=12_000, noise=0.3)
    trainer = AGF("relu", batch_size=3000).fit(X, y)
    assert trainer.status is Status.NO_GAIN
    assert trainer.network.width == 3
    assert len(trainer.path) <= 6
    assert np.mean((trainer.predict(Xt) - yt) ** 2) < 0.01 * 0.3**2


def test_a_late_descent_moves_all_weights_of_a_network_grown_by_its_outputs():
    (X, y), _, _ = teacher(1)
    grown, late = (
        AGF("relu", cost=cost, per_jump=2, max_neurons=6, patience=None).fit(X, y)
        for cost in ("outputs", "late")
    )
    assert late.path[-1].loss == grown.path[-1].loss
    errors = [np.mean((trainer.predict(X) - y) ** 2) for trainer in (grown, late)]
    assert errors[1] < 0.5 * errors[0]


def test_many_outputs_keep_the_directions_in_which_neurons_came():
    """At most five neurons have each frequency of modular addition, and none mixes the two."""
    p, one_hot = 10, np.eye(10)
    a, b = np.divmod(np.arange(p * p), p)
    waves = np.arange(p)[:, None] - np.arange(p)
    template = sum(size * np.cos(2 * np.pi * k * waves / p) for k, size in ((1, 1.0), (2, 0.5)))
    X = np.hstack([one_hot[a], one_hot[b]])
    trainer = AGF("quadratic", bias=False).fit(X, template[(a + b) % p])
    assert trainer.path[-1].loss < 1e-7
    assert trainer.network.width <= 10
    power = np.abs(np.fft.rfft(trainer.network.weights.reshape(-1, 2, p))) ** 2
    power = power[:, :, 1:].sum(axis=1)
    assert np.median(power.max(axis=1) / power.sum(axis=1)) > 0.99
