"""The notebook's algorithm is right where there are no ties, and fewer features than samples."""

import numpy as np
import pytest

from reference.agf_diagonal import agf_diagonal
from reference.pesme_flammarion import pesme_flammarion


def problem(seed):
    """Features with a common part, so that neurons leave; integers too large for ties."""
    rng = np.random.default_rng(seed)
    return rng.integers(-30, 31, (9, 6)) + rng.integers(-90, 91, (9, 1)), rng.integers(-30, 31, 9)


@pytest.mark.parametrize("log_alpha", [-1.0, -230.0])
@pytest.mark.parametrize("seed", range(12))
def test_it_follows_the_exact_path(seed, log_alpha):
    X, y = problem(seed)
    exact = pesme_flammarion(X.tolist(), y.tolist())
    found = agf_diagonal(X, y, log_alpha)
    assert found.times == pytest.approx([float(t) for t in exact.times], rel=1e-9)
    betas = np.array([[float(b) for b in beta] for beta in exact.betas])
    assert found.betas == pytest.approx(betas, abs=1e-9)


def test_neurons_leave_among_these_problems():
    paths = [agf_diagonal(*problem(seed), -230.0).betas != 0 for seed in range(12)]
    assert sum((used[:-1] & ~used[1:]).sum() for used in paths) > 4
