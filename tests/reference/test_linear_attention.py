"""The oracle of linear attention against its own definition: sampled contexts."""

import numpy as np
import pytest

import saddles
from reference import linear_attention as reference

#: Standard errors that a mean may be off, for each of a handful of seeded samples.
SIGMAS = 4.0


@pytest.mark.parametrize("seed", range(4))
def test_the_population_loss_is_the_mean_over_contexts(seed):
    """Heads in general position, so that M is not symmetric."""
    rng = np.random.default_rng(seed)
    D, H, N = 3, 2, 4
    root = rng.standard_normal((D, D))
    Lambda = root @ root.T / D + 0.1 * np.eye(D)
    v, q, k = 0.3 * rng.standard_normal(H), rng.standard_normal((H, D)), rng.standard_normal((H, D))
    network = saddles.agf.LinearAttention(Lambda, N)
    mean, error = reference.sampled_loss(v, q, k, Lambda, N, 100_000, seed)
    assert network.loss(np.hstack([v[:, None], q, k])) == pytest.approx(mean, abs=SIGMAS * error)


def test_queries_and_keys_are_not_exchangeable():
    """With unequal variances M and Mᵀ have different losses."""
    Lambda, v, q, k = np.diag([2.0, 0.5]), np.array([0.3]), np.eye(2)[:1], np.eye(2)[1:]
    network = saddles.agf.LinearAttention(Lambda, 4)
    for row, other in ((q, k), (k, q)):
        mean, error = reference.sampled_loss(v, row, other, Lambda, 4, 100_000)
        assert network.loss(np.hstack([v[:, None], row, other])) == pytest.approx(
            mean, abs=SIGMAS * error
        )
        assert network.loss(np.hstack([v[:, None], other, row])) != pytest.approx(mean, rel=0.1)


def test_nothing_learnt_leaves_the_variance():
    none = np.zeros((1, 2))
    mean, error = reference.sampled_loss(np.zeros(1), none, none, np.diag([2.0, 1.0]), 3, 50_000)
    assert mean == pytest.approx(1.5, abs=SIGMAS * error)


def test_flow_starts_where_it_is_told_and_descends():
    v, q, k = np.array([0.5]), np.array([[0.5, 0.1]]), np.array([[0.4, -0.1]])
    Ms = reference.flow(v, q, k, np.diag([1.0, 0.5]), 4, np.linspace(0, 5, 6))
    assert Ms[0] == pytest.approx(v[0] * np.outer(q, k))
    network = saddles.agf.LinearAttention(np.diag([1.0, 0.5]), 4)
    assert (np.diff([network.loss_of(M) for M in Ms]) < 0).all()
