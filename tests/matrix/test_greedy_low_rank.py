"""Greedy low-rank learning: against Algorithm 3 verbatim, closed forms, laws and cvxpy."""

import resource
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import block_diag

import reference.greedy_low_rank as oracle
import saddles
from saddles import FullMatrix, MatrixCompletion, MatrixSensing, SaddlePath, Status

#: Asked of every saddle.
STATIONARITY = 1e-10
#: Asked against Algorithm 3, whose ε, η and T are finite.
VERBATIM = 1e-6
#: Eigenvalues and Newton's method leave a few hundred eps, times condition numbers of about 1e3.
CLOSE = 1e-9


def planted(seed, d=6, rank=2, share=0.7):
    """Return a completion problem: (M, mask)."""
    rng = np.random.default_rng(seed)
    U = rng.standard_normal((d, rank))
    mask = rng.random((d, d)) < share
    mask |= mask.T
    mask[0, 0] = True
    return U @ U.T, mask


def noisy(seed, d=6):
    """Return a full-rank completion problem with its diagonal seen, so that minima are finite."""
    rng = np.random.default_rng(seed)
    U = rng.standard_normal((d, d)) * np.geomspace(1.5, 0.3, d)
    mask = rng.random((d, d)) < 0.75
    return U @ U.T, mask | mask.T | np.eye(d, dtype=bool)


def sensed(seed, d=5, rank=2, m=14):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, d, d)) / d
    U = rng.standard_normal((d, rank))
    A = A + A.transpose(0, 2, 1)
    return A, np.tensordot(A, U @ U.T, axes=2)


def certified(path):
    assert path.success
    assert path.certificates.worst <= STATIONARITY
    assert (np.diff(path.losses) < 0).all()
    assert (np.diff(path.times) > 0).all()
    return path


# --- closed forms and the oracle ----------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(1, 6))
def test_a_matrix_seen_in_full_is_learnt_eigenvalue_by_eigenvalue(seed, d):
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    levels = rng.permutation(np.arange(-d, 2 * d))[:d] + rng.uniform(-0.3, 0.3, d)
    levels = np.sort(levels)[::-1]
    M = (Q * levels) @ Q.T
    path = saddles.greedy_low_rank(FullMatrix((M + M.T) / 2))
    learnt = levels[levels > 0]
    assert path.success
    assert path.times[1:] == pytest.approx(1 / learnt, rel=CLOSE)
    for rank, saddle in enumerate(path):
        kept = np.where(np.arange(d) < rank, levels, 0.0)
        assert saddle.beta == pytest.approx((Q * kept) @ Q.T, abs=CLOSE * d)
        assert saddle.loss == pytest.approx(np.sum((levels - kept) ** 2) / 2, abs=CLOSE * d**2)
        assert saddle.active.tolist() == list(range(rank))


@pytest.mark.parametrize(
    "loss",
    [
        *(MatrixCompletion(*planted(seed)) for seed in (0, 1, 2, 4)),
        *(MatrixCompletion(*noisy(seed)) for seed in range(3)),
        *(MatrixSensing(*sensed(seed)) for seed in range(3)),
    ],
)
def test_every_saddle_is_that_of_algorithm_3(loss):
    path = certified(saddles.greedy_low_rank(loss, max_rank=2))
    top = np.linalg.norm(loss.gradient(np.zeros((loss.size, loss.size))), 2)
    Ws = oracle.greedy_low_rank(
        loss.gradient, loss.size, epsilon=1e-14, eta=0.2 / top, T=30_000, max_rank=2
    )
    assert len(Ws) == len(path) == 3
    for W, saddle in zip(Ws, path, strict=True):
        assert saddle.beta == pytest.approx(W, abs=VERBATIM)


@pytest.mark.parametrize("seed", range(6))
def test_times_are_those_of_the_general_clock(seed):
    """The formula of the docstring, from the eigenvalues at the saddles visited."""
    loss = MatrixCompletion(*noisy(seed))
    path = certified(saddles.greedy_low_rank(loss, max_jumps=4))
    dormant = []
    for k, saddle in enumerate(path):
        rates = np.linalg.eigvalsh(-loss.gradient(saddle.beta))
        active = np.argsort(np.abs(rates))[:k]
        dormant.append(np.sort(np.delete(rates, active))[::-1])
    delays = []
    for k in range(1, len(path)):
        ridden = sum(dormant[i][k - i - 1] * delays[i] for i in range(k - 1))
        delays.append((1 - ridden) / dormant[k - 1][0])
    assert np.diff(path.times) == pytest.approx(delays, rel=CLOSE)
    assert np.allclose(path.certificates.margin[1], dormant[0][0] / dormant[0][1] - 1)


def test_jump_times_of_the_flow_tend_to_the_clocks():
    """In multiple precision, where float64 is wrong; extrapolated in 1/log(1/α)."""
    M, mask = noisy(4, d=3)
    path = saddles.greedy_low_rank(MatrixCompletion(M, mask), max_jumps=2)
    U0, jumps = np.random.default_rng(0).standard_normal((3, 3)), {}
    for log_alpha in (-40.0, -80.0):
        step = 0.3 / np.linalg.norm(mask * M, 2)
        steps = int(1.2 * path.times[2] * -log_alpha / step)
        Ws = oracle.flow_in_multiple_precision(M, mask, U0, log_alpha, step, steps, digits=90)
        losses = np.array([np.sum(mask * (W - M) ** 2) / 2 for W in Ws])
        halves = (path.losses[:-1] + path.losses[1:]) / 2
        at = np.interp(-halves, -losses, step * np.arange(1, steps + 1))
        jumps[log_alpha] = at / -log_alpha
        plateau = Ws[int(path.times[1:].mean() * -log_alpha / step)]
        assert plateau == pytest.approx(path.betas[1], abs=VERBATIM * 1e3 ** (40 / -log_alpha))
    assert 2 * jumps[-80.0] - jumps[-40.0] == pytest.approx(path.times[1:], rel=1e-3)


def test_rank_is_learnt_and_not_nuclear_norm():
    """Four by four, three entries: greedy rank 1 has nuclear norm 10, the minimum is 8."""
    cp = pytest.importorskip("cvxpy")
    M, mask = np.zeros((4, 4)), np.zeros((4, 4), dtype=bool)
    for i, j, entry in ((0, 2, 1.0), (0, 3, 2.0), (1, 2, 2.0)):
        M[i, j] = M[j, i] = entry
        mask[i, j] = mask[j, i] = True
    path = certified(saddles.greedy_low_rank(MatrixCompletion(M, mask)))
    assert path.times[1:] == pytest.approx([1 / 2.5615528128088303], rel=CLOSE)
    assert np.linalg.norm(path.betas[-1], "nuc") == pytest.approx(10, abs=VERBATIM)
    assert np.linalg.matrix_rank(path.betas[-1], tol=1e-8) == 1
    assert not path.certificates.unique[-1]
    W = cp.Variable((4, 4), symmetric=True)
    problem = cp.Problem(cp.Minimize(cp.normNuc(W)), [W[mask] == M[mask]])
    assert problem.solve(solver="CLARABEL") == pytest.approx(8, abs=1e-5)


# --- laws ---------------------------------------------------------------------------------------


@given(st.integers(0, 20))
def test_rotation_permutation_and_scale(seed):
    rng = np.random.default_rng(seed)
    A, b = sensed(seed)
    path = certified(saddles.greedy_low_rank(MatrixSensing(A, b), max_rank=2))
    Q = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    turned = saddles.greedy_low_rank(MatrixSensing(Q @ A @ Q.T, 4 * b), max_rank=2)
    assert turned.times * 4 == pytest.approx(path.times, rel=CLOSE)
    assert turned.losses / 16 == pytest.approx(path.losses, rel=CLOSE, abs=CLOSE)
    assert Q.T @ turned.betas @ Q / 4 == pytest.approx(path.betas, abs=1e-7)
    M, mask = planted(seed)
    order = rng.permutation(6)
    here = saddles.greedy_low_rank(MatrixCompletion(M, mask), max_rank=1)
    there = saddles.greedy_low_rank(
        MatrixCompletion(M[np.ix_(order, order)], mask[np.ix_(order, order)]), max_rank=1
    )
    assert there.betas[-1] == pytest.approx(here.betas[-1][np.ix_(order, order)], abs=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_parts_that_do_not_interact_keep_their_own_clocks(seed):
    """The path of a direct sum is the union of the paths of its parts."""
    (M, mask), (N, seen) = noisy(seed, d=3), noisy(seed + 10, d=3)
    parts = [
        saddles.greedy_low_rank(MatrixCompletion(*data), max_jumps=2)
        for data in ((M, mask), (N, seen))
    ]
    whole = saddles.greedy_low_rank(
        MatrixCompletion(block_diag(M, N), block_diag(mask, seen)), max_jumps=4, on_failure="return"
    )
    until = min(part.times[-1] for part in parts)
    union = np.sort(np.concatenate([part.times[1:] for part in parts]))
    union = union[union <= until]
    assert whole.times[1 : 1 + union.size] == pytest.approx(union, rel=1e-7)
    for tau in union:
        expected = block_diag(*(part.at(tau * (1 + 1e-6)) for part in parts if tau < until))
        if tau < until:
            assert whole.at(tau * (1 + 1e-6)) == pytest.approx(expected, abs=1e-7)


def test_commuting_modes_keep_their_own_clocks():
    """Diagonal measurements: rates (3, 2, 3/2), then (0, 1, 4); by rank the second were 5/12."""
    C = np.array([[1, 1 / 3, -5 / 6], [1 / 3, 2, 0], [-5 / 6, 0, 2]])
    K = np.linalg.cholesky(C).T
    A = np.array([np.diag(row) for row in K])
    b = np.linalg.solve(K.T, [3.0, 2.0, 1.5])
    path = saddles.greedy_low_rank(MatrixSensing(A, b), max_jumps=2)
    assert path.times == pytest.approx([0, 1 / 3, 11 / 24], rel=CLOSE)


def test_equal_eigenvalues_are_one_jump():
    path = saddles.greedy_low_rank(FullMatrix(np.diag([3.0, 2.0, 2.0, 1.0])))
    assert path.times == pytest.approx([0, 1 / 3, 1 / 2, 1])
    assert [units.tolist() for units in path.entered] == [[], [0], [1, 2], [3]]
    cut = saddles.greedy_low_rank(FullMatrix(np.diag([3.0, 2.0, 2.0, 1.0])), max_rank=2)
    assert cut.status is Status.MAX_RANK
    assert cut.certificates.unique.tolist() == [True, True, False]


def test_start_at_the_answer():
    path = saddles.greedy_low_rank(FullMatrix(np.zeros((2, 2))))
    assert (len(path), path.status) == (1, Status.NOTHING_TO_LEARN)
    assert saddles.greedy_low_rank(FullMatrix(-np.eye(2))).status is Status.NOTHING_TO_LEARN


def test_a_column_can_return_to_zero():
    """Three columns are needed on the way to a matrix of rank two."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((12, 5, 5))
    A = A + A.transpose(0, 2, 1)
    B = rng.standard_normal((5, 2))
    path = certified(saddles.greedy_low_rank(MatrixSensing(A, np.tensordot(A, B @ B.T, axes=2))))
    assert [units.tolist() for units in path.active] == [[], [0], [0, 1], [0, 2]]
    assert (path.entered[3].tolist(), path.left[3].tolist()) == ([2], [1])
    assert path.betas[-1] == pytest.approx(B @ B.T, abs=1e-7)


# --- losses of one's own ------------------------------------------------------------------------


class LogCosh:
    """Σ log cosh(W − M): smooth, not quadratic."""

    def __init__(self, M):
        self.M, self.size = M, len(M)

    def value(self, W):
        return float(np.sum(np.log(np.cosh(W - self.M))))

    def gradient(self, W):
        return np.tanh(W - self.M)


def test_a_smooth_loss_of_ones_own():
    M, _ = noisy(3, d=4)
    loss = LogCosh(M / 3)
    path = certified(saddles.greedy_low_rank(loss, max_rank=2))
    Ws = oracle.greedy_low_rank(loss.gradient, 4, 1e-14, 0.05, 20_000, max_rank=2)
    assert path.betas == pytest.approx(np.array(Ws), abs=VERBATIM)


def test_an_integrator_that_gives_up_ends_with_a_status_and_no_warning():
    seen = np.array([[0, 1, 1, 1], [1, 0, 1, 0], [1, 1, 1, 1], [1, 0, 1, 0]])
    M = np.array(
        [
            [0.0, -0.067, -0.313, 0.118],
            [-0.067, 0.0, -1.007, 0.0],
            [-0.313, -1.007, -0.951, -0.555],
            [0.118, 0.0, -0.555, 0.0],
        ]
    )
    path = saddles.greedy_low_rank(MatrixCompletion(M, seen), on_failure="return")
    assert path.status in (Status.STALLED, Status.UNBOUNDED)


@pytest.mark.parametrize("size", [1e-150, 1e-120, 1e120, 1e150])
def test_data_whose_squares_leave_float64_are_refused(size):
    with pytest.raises(ValueError, match="multiply the targets by a constant"):
        saddles.greedy_low_rank(FullMatrix(size * np.diag([2.0, 1.0])))
    with pytest.raises(ValueError, match="multiply the targets by a constant"):
        saddles.agf.linear(np.eye(2), size * np.diag([2.0, 1.0]))


@pytest.mark.parametrize("size", [1e-80, 1e80])
def test_extreme_units_only_rescale_time(size):
    seen = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]])
    M = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]])
    plain = saddles.greedy_low_rank(MatrixCompletion(M, seen)).times
    scaled = saddles.greedy_low_rank(MatrixCompletion(size * M, seen)).times
    assert size * scaled == pytest.approx(plain, rel=1e-12)


def test_bad_arguments():
    loss = FullMatrix(np.eye(2))
    for name, value in (("max_rank", 0), ("tol", 0.0), ("max_jumps", -1), ("on_failure", "pray")):
        with pytest.raises(ValueError, match=name):
            saddles.greedy_low_rank(loss, **{name: value})


# --- the frame ----------------------------------------------------------------------------------


def test_max_jumps_max_rank_and_callback():
    loss = FullMatrix(np.diag([3.0, 2.0, 1.0]))
    assert saddles.greedy_low_rank(loss, max_jumps=1).status is Status.MAX_JUMPS
    assert saddles.greedy_low_rank(loss, max_rank=2).status is Status.MAX_RANK
    seen = []
    path = saddles.greedy_low_rank(loss, callback=lambda s: seen.append(s) or s.index == 2)
    assert (path.status, len(seen)) == (Status.STOPPED, 3)


def large(d, rank, share):
    """Return a planted problem too large for dense storage."""
    import scipy.sparse as sp

    rng = np.random.default_rng(0)
    U = rng.standard_normal((d, rank)) * np.linspace(1, 3, rank) / np.sqrt(d)
    upper = np.triu(rng.random((d, d)) < share)
    mask = sp.coo_array(upper | upper.T)
    rows, cols = mask.coords
    values = np.einsum("ij,ij->i", U[rows], U[cols])
    return U, MatrixCompletion(sp.csr_array((values, (rows, cols)), shape=(d, d)), mask)


def test_large_problems_use_factors_and_agree_with_dense_ones():
    U, loss = large(420, 3, 0.3)
    path = certified(saddles.greedy_low_rank(loss, max_rank=3))
    assert path.betas.shape == (4,)
    assert path.betas[-1].toarray() == pytest.approx(U @ U.T, abs=1e-9)

    class Dense:
        size, value, gradient = 420, loss.value, loss.gradient
        hessian_product = loss.hessian_product

    dense = saddles.greedy_low_rank(Dense(), max_jumps=2)
    assert dense.times == pytest.approx(path.times[:3], rel=1e-8)
    assert dense.betas[2].toarray() == pytest.approx(path.betas[2].toarray(), abs=1e-9)


@pytest.mark.parametrize("d", [4, 401])
def test_save_and_load(tmp_path, d):
    M = np.zeros((d, d))
    M[:2, :2] = np.diag([2.0, 1.0])
    path = saddles.greedy_low_rank(FullMatrix(M), max_rank=2)
    path.save(tmp_path / "path.json")
    again = SaddlePath.load(tmp_path / "path.json")
    assert again.betas.shape == path.betas.shape
    for one, two in zip(path.betas, again.betas, strict=True):
        dense = [m.toarray() if hasattr(m, "toarray") else m for m in (one, two)]
        assert (dense[0] == dense[1]).all()
    assert again.times.tolist() == path.times.tolist()
    middle = path.at(0.7)
    assert (middle.toarray() if d > 400 else middle)[0, 0] == pytest.approx(2.0)


@pytest.mark.slow
def test_two_thousand_rows_and_rank_twenty():
    """Under two minutes of one core (not of a clock that other work shares), few 32 MB arrays."""
    U, loss = large(2000, 20, 0.1)
    begin = time.process_time()
    path = certified(saddles.greedy_low_rank(loss, max_rank=20))
    seconds = time.process_time() - begin
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{seconds:.1f} s, {memory:.2f} GB at most")
    assert path.betas[-1].toarray() == pytest.approx(U @ U.T, abs=1e-8)
    assert seconds < 120
