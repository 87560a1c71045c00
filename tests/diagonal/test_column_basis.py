"""The basis of the active columns after any sequence of entries and exits."""

import numpy as np
import pytest

from saddles._diagonal.column_basis import Factors

#: Orthonormality after thousands of updates; each loses some eps.
ORTHONORMAL = 1e-13


def assert_factors(factors, columns, tolerance=ORTHONORMAL):
    """Assert that A, its basis and the coefficients of the basis belong together."""
    k, n = factors.size, factors.n
    assert sorted(factors.support.tolist()) == sorted(columns)
    A = np.column_stack([columns[i] for i in factors.support]) if k else np.zeros((n, 0))
    assert (factors.columns == A).all()
    Q, T = factors.basis, factors.stack[n : n + k]
    assert np.abs(Q.T @ Q - np.eye(k)).max(initial=0) < tolerance
    sizes = np.abs(A) @ np.abs(T)
    assert np.abs(A @ T - Q).max(initial=0) < tolerance * max(1.0, sizes.max(initial=0))
    assert not factors.stack[n + k :].any()


@pytest.mark.parametrize("seed", range(6))
def test_basis_survives_thousands_of_entries_and_exits(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    factors, columns = Factors(n), {}
    for step in range(1500):
        if factors.size == n or (columns and rng.random() < 0.5):
            position = int(rng.integers(factors.size))
            del columns[int(factors.support[position])]
            factors.drop(position)
        else:
            x = rng.standard_normal(n) * 10.0 ** rng.integers(-6, 6)
            factors.push(step, x, float(np.linalg.norm(x)))
            columns[step] = x
        if step % 50 == 0:
            assert_factors(factors, columns)
    assert_factors(factors, columns)


@pytest.mark.parametrize("share", [0.3, 1e-5, 1e-9])
def test_column_that_the_others_almost_span_keeps_the_basis_orthonormal(share):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((8, 4))
    A[:, 3] = A[:, :3] @ [1.0, -2, 0.5] + share * rng.standard_normal(8)
    factors = Factors(8)
    for i, x in enumerate(A.T):
        factors.push(i, x, -float(np.linalg.norm(x)))
    assert_factors(factors, dict(enumerate(A.T)))
    assert factors.loose == (share < 1e-2)
    outside = [np.linalg.lstsq(np.delete(A, i, 1), A[:, i])[1][0] for i in range(4)]
    shares = np.sqrt(outside) / np.linalg.norm(A, axis=0)
    assert factors.firmness() == pytest.approx(shares.min(), rel=1e-6)
    factors.drop(1)
    left = {i: A[:, i] for i in (0, 2, 3)}
    assert_factors(factors, left)
    assert factors.support.tolist() == [0, 3, 2], "the last column takes the place of one that goes"
    assert factors.firmness() > 0.01


def test_what_goes_is_the_direction_that_only_one_column_needs():
    rng = np.random.default_rng(1)
    A = rng.standard_normal((6, 3))
    factors = Factors(6)
    for i, x in enumerate(A.T):
        factors.push(i, x, 1.0 * np.linalg.norm(x))
    gone = factors.drop(0)
    assert np.abs(gone[:6] @ A[:, 1:]).max() < 1e-14
    assert A @ gone[6:9] == pytest.approx(gone[:6], abs=1e-14)


def test_popping_undoes_the_last_entry_and_renewing_changes_nothing_else():
    rng = np.random.default_rng(2)
    A = rng.standard_normal((9, 5))
    factors = Factors(9)
    for i, x in enumerate(A.T):
        factors.push(i, x, float(np.linalg.norm(x)))
    factors.renew()
    assert_factors(factors, dict(enumerate(A.T)))
    factors.pop()
    factors.push(7, A[:, 0] ** 2, float(np.linalg.norm(A[:, 0] ** 2)))
    assert_factors(factors, {**dict(enumerate(A.T[:4])), 7: A[:, 0] ** 2})
