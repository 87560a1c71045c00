"""Modes of linear networks, and what their certificate sees."""

import numpy as np
import pytest

from saddles._matrix.linear_blocks import Pairs
from saddles._matrix.linear_modes import Modes, stationarity
from saddles._matrix.moments import Moments
from tests.matrix.linear_problems import FAMILIES, general


def modes_of(xx, yx):
    moments = Moments.of(xx, yx)
    pairs = Pairs.of(moments)
    return moments, Modes.of(moments, pairs, pairs.labels[0])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(5))
def test_all_modes_make_the_best_map_and_each_explains_its_share(family, seed):
    moments, modes = modes_of(*family(np.random.default_rng(seed))[1])
    best = modes.left @ modes.right.T
    slack = 1e-7 * np.abs(moments.best).max()
    assert best == pytest.approx(moments.best, abs=slack)
    assert modes.explained.sum() == pytest.approx(moments.explained)
    assert modes.left.T @ modes.left == pytest.approx(np.eye(modes.signals.size), abs=1e-12)
    for part, (first, last) in enumerate(zip(modes.ends, modes.ends[1:], strict=False)):
        assert (np.diff(modes.explained[first:last]) <= 1e-12 * modes.explained[first]).all()
        signals = modes.signals[first:last]
        assert modes.rates(part, 0) == pytest.approx(signals, abs=1e-12 * signals[0])


@pytest.mark.parametrize("seed", range(5))
def test_the_certificate_is_that_of_the_gradient(seed):
    moments, modes = modes_of(*general(np.random.default_rng(seed))[1])
    left, right = modes.left, modes.right
    right[:, 0] *= 1 + 1e-3
    found = stationarity(moments, left, right, 0)
    for k in range(1, found.size):
        G = left[:, :k] @ right[:, :k].T @ moments.xx - moments.yx
        units = right[:, :k] / np.linalg.norm(right[:, :k], axis=0)
        inputs = np.linalg.norm(G @ units, axis=0) / np.linalg.norm(moments.yx @ units, axis=0)
        outputs = np.linalg.norm(G.T @ left[:, :k], axis=0)
        outputs /= np.linalg.norm(moments.yx.T @ left[:, :k], axis=0)
        assert stationarity(moments, left, right, k) == pytest.approx(found[k:])
        assert found[k] == pytest.approx(max(inputs.max(), outputs.max()), rel=0.05)


def test_a_weak_mode_that_is_wrong_shows_beside_a_strong_one():
    moments, modes = modes_of(np.diag([1.0, 2.0]), np.diag([1.0, 1e-8]))
    assert stationarity(moments, modes.left, modes.right, 0).max() <= 1e-15
    wrong = modes.right * [1.0, 1.01]
    assert stationarity(moments, modes.left, wrong, 0)[1:] == pytest.approx([0, 2e-3], rel=0.7)
    assert stationarity(moments, modes.left[::-1], modes.right, 0)[1] > 0.1
