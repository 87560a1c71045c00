"""Matrix losses: their values, derivatives and sparse forms, and what they refuse."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import saddles
from saddles import FullMatrix, MatrixCompletion, MatrixLoss, MatrixSensing

#: Central differences of a quadratic have no truncation error: only rounding / step is left.
DIFFERENCES = 1e-8
#: A few sums of products of numbers of order one.
ROUNDING = 1e-12


def symmetric(rng, d):
    M = rng.standard_normal((d, d))
    return M + M.T


def completion(rng, d, share=0.6):
    mask = rng.random((d, d)) < share
    mask |= mask.T
    mask[0, 0] = True
    return MatrixCompletion(symmetric(rng, d), mask)


def sensing(rng, d):
    return MatrixSensing([symmetric(rng, d) for _ in range(4)], rng.standard_normal(4))


MAKERS = {
    "full": lambda rng, d: FullMatrix(symmetric(rng, d)),
    "sense": sensing,
    "part": completion,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
@given(seed=st.integers(0, 10**6), d=st.integers(1, 5))
def test_derivatives_are_those_of_the_value(make, seed, d):
    rng = np.random.default_rng(seed)
    loss, W, D, step = make(rng, d), symmetric(rng, d), symmetric(rng, d), 1e-3
    assert isinstance(loss, MatrixLoss)
    assert loss.size == d
    ahead, behind = W + step * D, W - step * D
    slope = (loss.value(ahead) - loss.value(behind)) / (2 * step)
    scale = 1 + abs(loss.value(W)) + np.sum(D * D)
    assert np.sum(loss.gradient(W) * D) == pytest.approx(slope, abs=DIFFERENCES * scale)
    bend = (loss.gradient(ahead) - loss.gradient(behind)) / (2 * step)
    assert loss.hessian_product(W, D) == pytest.approx(bend, abs=DIFFERENCES * scale)
    assert loss.gradient(W) == pytest.approx(loss.gradient(W).T, abs=ROUNDING * scale)


def test_completion_counts_both_triangles():
    loss = MatrixCompletion([[1.0, 3.0], [3.0, 9.0]], [[0, 1], [1, 0]])
    assert loss.value(np.zeros((2, 2))) == 9.0
    assert loss.gradient(np.zeros((2, 2))).tolist() == [[0.0, -3.0], [-3.0, 0.0]]


@pytest.mark.parametrize("d", [3, 300])
def test_factors_give_what_the_dense_matrix_gives(d):
    """300 rows are more than one block."""
    rng = np.random.default_rng(d)
    loss = completion(rng, d, 0.2)
    U, D = rng.standard_normal((d, 3)), rng.standard_normal((d, 3))
    value, gradient = loss.at_factor(U)
    assert value == pytest.approx(loss.value(U @ U.T), rel=ROUNDING)
    assert gradient.nnz == loss.values.size
    assert gradient.toarray() == pytest.approx(loss.gradient(U @ U.T), abs=ROUNDING)
    along = loss.along_factor(U, D).toarray()
    assert along == pytest.approx(loss.hessian_product(U @ U.T, U @ D.T + D @ U.T), abs=ROUNDING)


def test_sparse_and_dense_data_are_the_same_loss():
    rng = np.random.default_rng(1)
    dense = completion(rng, 7)
    M, mask = np.where(dense.mask, dense.observed, 0.0), dense.mask
    for where in (sp.csr_array(mask), sp.csc_array(mask.astype(int))):
        sparse = MatrixCompletion(sp.csr_array(M), where)
        for name in ("rows", "cols", "values"):
            assert getattr(sparse, name).tolist() == getattr(dense, name).tolist()


def test_unobserved_entries_may_hold_anything():
    M = [[1.0, np.nan], [np.inf, 2.0]]
    assert MatrixCompletion(M, np.eye(2)).values.tolist() == [1.0, 2.0]


EYE = np.eye(2)
LOPSIDED = [[0.0, 1.0], [2.0, 0.0]]


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: FullMatrix(LOPSIDED), r"M\[0, 1\]=1.0 and M\[1, 0\]=2.0.*symmetric"),
        (lambda: FullMatrix(np.ones((2, 3))), "square"),
        (lambda: FullMatrix([[np.nan]]), r"M\[0, 0\]=nan is not finite"),
        (lambda: FullMatrix(np.zeros((0, 0))), "empty"),
        (lambda: MatrixSensing([EYE, EYE], [1.0]), "same number of rows"),
        (lambda: MatrixSensing([LOPSIDED], [1.0]), r"A\[0\]\[0, 1\]=1.0"),
        (lambda: MatrixSensing(EYE, [1.0]), "3 axes"),
        (lambda: MatrixSensing([EYE], [np.inf]), "not finite"),
        (lambda: MatrixCompletion(LOPSIDED, np.ones((2, 2))), r"observed\[0, 1\]=1.0.*2.0"),
        (lambda: MatrixCompletion(EYE, [[1, 1], [0, 1]]), r"mask\[1, 0\]=False.*mask \| mask.T"),
        (lambda: MatrixCompletion(EYE, np.ones((2, 3))), "square"),
        (lambda: MatrixCompletion(EYE, np.ones((3, 3))), r"\(2, 2\).*\(3, 3\)"),
        (lambda: MatrixCompletion(EYE, np.zeros((2, 2))), "False everywhere"),
        (lambda: MatrixCompletion(np.full((2, 2), np.nan), np.ones((2, 2))), "not finite"),
        (lambda: MatrixCompletion(sp.eye_array(3).tocsr(), sp.eye_array(2).tocsr()), "same"),
        (lambda: MatrixCompletion([[1.0], [1.0, 1.0]], np.ones((2, 2))), "observed=.*ragged"),
        (lambda: MatrixCompletion(EYE, [[1], [1, 1]]), "mask=.*ragged"),
    ],
)
def test_bad_values(build, words):
    with pytest.raises(ValueError, match=words):
        build()


@pytest.mark.parametrize(
    "build",
    [
        lambda: FullMatrix("text"),
        lambda: FullMatrix([[1j]]),
        lambda: MatrixCompletion(EYE, [[0.5, 0.0], [0.0, 1.0]]),
        lambda: MatrixCompletion(EYE, [["a", "b"], ["b", "a"]]),
        lambda: MatrixCompletion([[1j, 0], [0, 1j]], np.ones((2, 2))),
        lambda: MatrixCompletion(np.ma.masked_equal(EYE, 0.0), np.ones((2, 2))),
    ],
)
def test_bad_types(build):
    with pytest.raises(TypeError):
        build()


def test_rounding_asymmetry_is_averaged_away():
    M = np.array([[1.0, 2.0], [2.0 + 1e-15, 1.0]])
    for loss in (FullMatrix(M), MatrixCompletion(M, np.ones((2, 2)))):
        gradient = loss.gradient(np.zeros((2, 2)))
        assert (gradient == gradient.T).all()


def test_losses_are_frozen():
    with pytest.raises(AttributeError):
        saddles.FullMatrix(EYE).M = EYE
