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


def test_every_jump_lowers_the_loss_and_names_who_came_and_went():
    samples, _, _ = teacher(1, noise=0.3)
    active = set()
    losses = []
    for step in AGF("relu", patience=None, max_neurons=6).steps(*samples):
        active = active - {*step.left.tolist()} | {*step.entered.tolist()}
        assert active == {*step.active.tolist()}
        assert step.network.width == step.neurons == len(active)
        assert step.loss == pytest.approx(np.mean((step.beta[:, 0] - samples[1]) ** 2) / 2)
        losses.append(step.loss)
    assert (np.diff(losses) < 0).all()


def test_the_same_seed_gives_the_same_bits():
    samples, (Xt, _), _ = teacher(2, noise=0.1)
    once, again = (AGF("relu", seed=3, max_neurons=4).fit(*samples) for _ in range(2))
    assert once.predict(Xt).tobytes() == again.predict(Xt).tobytes()


def test_zero_neurons_are_a_candidate():
    draw = np.random.default_rng(0)
    X, y, Xv, yv = (draw.standard_normal(size) for size in ((50, 4), 50, (50, 4), 50))
    trainer = AGF("relu").fit(X, y, validation=(Xv, yv))
    assert trainer.network.width == 0
    assert trainer.predict(Xv) == pytest.approx(np.append(y, yv).mean())
