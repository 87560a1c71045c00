"""Algorithm 3 verbatim, plain descent and multiple precision, against their definitions."""

import numpy as np
import pytest

import reference.greedy_low_rank as oracle

M = np.diag([3.0, 2.0, -1.0])


def pull_to(target):
    return lambda W: W - target


def test_algorithm_3_finds_the_positive_eigen_truncations():
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    Ws = oracle.greedy_low_rank(pull_to(Q @ M @ Q.T), 3, epsilon=1e-12, eta=0.05, T=800)
    assert len(Ws) == 3
    for rank, found in enumerate(Ws):
        expected = Q[:, :rank] @ M[:rank, :rank] @ Q[:, :rank].T
        assert found == pytest.approx(expected, abs=1e-9)


def test_algorithm_3_stops_where_told():
    assert len(oracle.greedy_low_rank(pull_to(M), 3, 1e-12, 0.05, 400, max_rank=1)) == 2
    assert len(oracle.greedy_low_rank(pull_to(-np.eye(2)), 2, 1e-12, 0.05, 10)) == 1


def test_one_step_is_the_line_of_the_page():
    """T = 0 is the single update t = 0."""
    (_, found) = oracle.greedy_low_rank(pull_to(M), 3, epsilon=0.25, eta=0.1, T=0, max_rank=1)
    u = 0.5 - 0.1 * (0.25 - 3.0) * 0.5
    assert found == pytest.approx(np.diag([u * u, 0.0, 0.0]), abs=1e-15)


def test_descent_and_multiple_precision_agree_with_the_logistic_curve():
    """For d = 1, w = u² obeys w' = 2(m − w)w: w = m / (1 + (m/w0 − 1)e^(−2mt))."""
    m, log_alpha, t = 2.0, -3.0, 2.0
    w0 = np.exp(2 * log_alpha)
    exact = m / (1 + (m / w0 - 1) * np.exp(-2 * m * t))
    precise = oracle.flow_in_multiple_precision(
        np.array([[m]]), np.ones((1, 1)), np.ones((1, 1)), log_alpha, t / 400, 400, digits=30
    )
    assert precise[-1][0, 0] == pytest.approx(exact, rel=1e-8)
    start = np.array([[np.exp(log_alpha)]])
    times, Ws = oracle.gradient_descent(pull_to([[m]]), start, t / 20000, 20000, 20000)
    assert times.tolist() == pytest.approx([0.0, t])
    assert Ws[-1, 0, 0] == pytest.approx(exact, rel=1e-3)
