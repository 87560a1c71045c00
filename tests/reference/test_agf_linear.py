"""Conjecture 4.1 against the package: equal in general position, not on its counter-example."""

import numpy as np
import pytest

import saddles
from reference.agf_linear import agf_linear


@pytest.mark.parametrize("seed", range(6))
def test_equals_agf_in_general_position(seed):
    rng = np.random.default_rng(seed)
    # Well separated gains, so that both orders of the modes agree.
    inputs = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    xx = (inputs * [1.3, 1.0, 0.8]) @ inputs.T
    yx = rng.standard_normal((3, 3)) @ np.diag([4.0, 2.0, 1.0]) @ rng.standard_normal((3, 3)) @ xx
    path, conjecture = saddles.agf.linear((xx + xx.T) / 2, yx), agf_linear(xx, yx)
    assert np.abs(path.losses - conjecture.losses).max() < 1e-9 * path.losses[0]
    assert np.abs(path.betas - conjecture.betas).max() < 1e-8 * np.abs(path.betas).max()
    assert path.times == pytest.approx(conjecture.times, rel=1e-9)


def test_fails_where_variance_and_correlation_disagree():
    b, s = np.array([2.0, 1.0]), np.array([1.0, 3.0])
    conjecture = agf_linear(np.diag(s), np.diag(b * s))
    assert conjecture.times == pytest.approx([0, 1 / 3, 4 / 9])
    assert conjecture.losses == pytest.approx([3.5, 1.5, 0])
    path = saddles.agf.linear(np.diag(s), np.diag(b * s))
    assert path.times == pytest.approx([0, 1 / 3, 1 / 2])
    assert path.losses == pytest.approx([3.5, 2.0, 0])
