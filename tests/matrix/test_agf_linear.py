"""Alternating gradient flow of linear networks: the published counter-example, flow, laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import saddles
from reference.linear_parts import linear_parts
from saddles import PathError, Status
from saddles._numerics.precision import EPS
from tests.matrix.linear_problems import FAMILIES, rotation, symmetric, turned

#: Eigenvalues and Newton's method leave a few hundred eps, times condition numbers of about 1e3.
CLOSE = 1e-9
#: Asked of every saddle.
STATIONARITY = 1e-10


def moments(seed, d=5, c=3, n=60):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * np.geomspace(1.5, 0.7, d)
    Y = X @ rng.standard_normal((d, c)) + rng.standard_normal((n, c))
    return X.T @ X / n, Y.T @ X / n, Y.T @ Y / n


def certified(path):
    assert path.success
    assert path.certificates.worst <= STATIONARITY
    assert (np.diff(path.losses) < 0).all()
    assert (np.diff(path.times) > 0).all()
    return path


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_activation_follows_the_clocks_and_not_the_variance_explained(seed):
    """Modes b²s = 4, 3, 1/4 and bs = 2, 3, 1/2: order of bs; the order of b²s gives 1.625."""
    b, s = np.array([2.0, 1.0, 0.5]), np.array([1.0, 3.0, 1.0])
    P, Q = np.eye(3), np.eye(3)
    if seed is not None:
        P, Q = (rotation(np.random.default_rng(seed + k), 3) for k in (0, 10))
    xx = (Q * s) @ Q.T
    path = certified(saddles.agf.linear((xx + xx.T) / 2, (P * (b * s)) @ Q.T))
    assert path.times == pytest.approx([0, 1 / 3, 1 / 2, 2], rel=CLOSE)
    assert path.losses == pytest.approx([3.625, 2.125, 0.125, 0], abs=CLOSE)
    assert path.betas[1] == pytest.approx(np.outer(P[:, 1], Q[:, 1]), abs=CLOSE)


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4))
def test_whitened_inputs_learn_singular_value_by_singular_value(seed, c, d):
    rng = np.random.default_rng(seed)
    k = min(c, d)
    values = np.sort(rng.permutation(np.arange(1, 2 * k + 1))[:k] + rng.uniform(-0.3, 0.3, k))[::-1]
    left, right = rotation(rng, c)[:, :k], rotation(rng, d)[:, :k]
    path = certified(saddles.agf.linear(np.eye(d), (left * values) @ right.T))
    assert path.times[1:] == pytest.approx(1 / values, rel=CLOSE)
    assert path.losses == pytest.approx(
        [np.sum(values[r:] ** 2) / 2 for r in range(k + 1)], abs=CLOSE * k**3
    )
    for rank, saddle in enumerate(path):
        expected = (left[:, :rank] * values[:rank]) @ right[:, :rank].T
        assert saddle.beta == pytest.approx(expected, abs=CLOSE * k)


@pytest.mark.parametrize("seed", range(4))
def test_saddles_and_times_are_those_of_gradient_flow(seed):
    """Balanced weights in float64, log α = −6 and −12: jump times extrapolated in 1/log(1/α)."""
    xx, yx, _ = moments(seed, d=3, c=2)
    path = certified(saddles.agf.linear(xx, yx))
    rng, jumps = np.random.default_rng(seed), {}
    Z0 = rng.standard_normal((5, 5))

    def velocity(_, z):
        W, A = z[:15].reshape(5, 3), z[15:].reshape(2, 5)
        G = A @ W @ xx - yx
        return np.concatenate([-(A.T @ G).ravel(), -(G @ W.T).ravel()])

    halves = (path.losses[:-1] + path.losses[1:]) / 2
    for scale in (6.0, 12.0):
        z0 = np.exp(-scale) * np.concatenate([Z0[:3].T.ravel(), Z0[3:].ravel()])
        times = np.linspace(0, 1.6 * path.times[-1] * scale, 20_000)
        run = solve_ivp(velocity, times[[0, -1]], z0, t_eval=times, rtol=1e-10, atol=1e-14)
        maps = np.einsum("ikt,kjt->tij", run.y[15:].reshape(2, 5, -1), run.y[:15].reshape(5, 3, -1))
        errors = maps - path.betas[-1]
        losses = np.einsum("tij,jk,tik->t", errors, xx, errors) / 2 + path.losses[-1]
        jumps[scale] = np.interp(-halves, -losses, times) / scale
    near, far = np.abs(2 * jumps[12.0] - jumps[6.0] - path.times[1:]), path.times[1:]
    assert (near < 0.05 * far).all()
    assert losses[-1] == pytest.approx(path.losses[-1], abs=1e-2)


@pytest.mark.parametrize("seed", range(4))
def test_laws_rotations_and_scale(seed):
    xx, yx, yy = moments(seed)
    rng = np.random.default_rng(seed)
    P, Q = rotation(rng, 3), rotation(rng, 5)
    path = certified(saddles.agf.linear(xx, yx, sigma_yy=yy))
    turned = Q @ xx @ Q.T
    other = saddles.agf.linear((turned + turned.T) / 2, 3 * P @ yx @ Q.T, sigma_yy=9 * yy)
    assert 3 * other.times == pytest.approx(path.times, rel=CLOSE)
    assert other.losses / 9 == pytest.approx(path.losses, rel=CLOSE)
    assert P.T @ other.betas @ Q / 3 == pytest.approx(path.betas, abs=1e-8)
    assert path.betas[-1] == pytest.approx(np.linalg.solve(xx, yx.T).T, abs=1e-8)
    assert path.losses[0] == pytest.approx(np.trace(yy) / 2)


def test_times_are_those_of_the_general_clock():
    xx, yx, _ = moments(7, d=4, c=4)
    path = certified(saddles.agf.linear(xx, yx))
    sigma = [np.linalg.svd(yx - M @ xx, compute_uv=False) for M in path.betas]
    delays = []
    for k in range(1, len(path)):
        ridden = sum(sigma[i][k - i - 1] * delays[i] for i in range(k - 1))
        delays.append((1 - ridden) / sigma[k - 1][0])
    assert np.diff(path.times) == pytest.approx(delays, rel=CLOSE)


def test_equal_singular_values_are_one_jump():
    path = saddles.agf.linear(np.eye(3), np.diag([2.0, 2.0, 1.0]))
    assert path.times == pytest.approx([0, 0.5, 1])
    assert [units.tolist() for units in path.entered] == [[], [0, 1], [2]]


def test_width_stops_the_network():
    xx, yx, _ = moments(0)
    wide, narrow = saddles.agf.linear(xx, yx), saddles.agf.linear(xx, yx, width=2)
    assert narrow.status is Status.MAX_RANK
    assert narrow.times == pytest.approx(wide.times[:3])
    assert narrow.betas == pytest.approx(wide.betas[:3])
    assert saddles.agf.linear(xx, 0 * yx).status is Status.NOTHING_TO_LEARN


def test_a_narrow_network_that_will_still_turn_says_so():
    gains, variances = np.array([2.0, 1.0]), np.array([1.0, 3.0])
    moments = np.diag(variances), np.diag(gains * variances)
    # The mode that explains more is not the first: a single neuron turns to it later.
    path = saddles.agf.linear(*moments, width=1)
    assert path.status is Status.MAX_RANK_LEFT
    assert not path.status.finished
    flow = saddles.flow.linear(*moments, log_alpha=-1e3, width=1)
    assert flow.loss(flow.until) < path.losses[-1] - 0.4


def test_singular_inputs_are_learnt_in_their_range():
    rng = np.random.default_rng(0)
    X, B = rng.standard_normal((3, 5)), rng.standard_normal((5, 2))
    path = certified(saddles.agf.linear(X.T @ X / 3, (X @ B).T @ X / 3))
    assert path.betas[-1] @ X.T == pytest.approx((X @ B).T, abs=1e-8)


def best_of_each_rank(xx, yx):
    """Reduced-rank regression: losses, without what no linear map explains."""
    explained = np.linalg.svd(np.linalg.solve(np.linalg.cholesky(xx), yx.T), compute_uv=False) ** 2
    return np.append(np.cumsum(explained[::-1])[::-1], 0.0) / 2


def square(d, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((d, 2 * d))
    xx = X @ X.T / 2 / d
    return xx, rng.standard_normal((d, d)) @ xx


@pytest.mark.parametrize(("d", "seed"), [(16, 1), (20, 0), (30, 0), (100, 0)])
def test_general_data_are_learnt_to_the_end_by_the_best_maps_of_each_rank(d, seed):
    path = certified(saddles.agf.linear(*square(d, seed)))
    expected = best_of_each_rank(*square(d, seed))
    assert path.status is Status.CONVERGED
    assert path.losses == pytest.approx(expected, abs=1e-12 * expected[0])
    if (d, seed) == (16, 1):
        assert path.losses[13] == pytest.approx(0.39872014, abs=1e-8)


def test_small_integers():
    xx, yx = [[4, -1, -2], [-1, 13, 6], [-2, 6, 10]], [[2, 0, 1], [1, 1, -2]]
    path = certified(saddles.agf.linear(xx, yx))
    assert path.times == pytest.approx([0, 0.40824829, 0.44381858], abs=1e-8)
    assert path.losses == pytest.approx([1.25, 0.5, 0], abs=CLOSE)


def agrees(seed, family):
    """Compare with many digits; say whether the path was refused, and whether it was resolved."""
    exact, given_moments = family(np.random.default_rng(seed))
    times, losses = map(np.array, linear_parts(*exact))
    path = saddles.agf.linear(*given_moments, on_failure="return")
    variances = np.linalg.eigvalsh(given_moments[0])
    known = variances[variances > 1e-12 * variances[-1]]
    close = CLOSE + 30 * EPS * known[-1] / known[0]
    if not path.certificates.unique.all():
        return path.success  # the oracle does not know which of several maps it is
    assert path.times == pytest.approx(times[: len(path)], rel=close)
    assert path.losses == pytest.approx(losses[: len(path)], abs=close * losses[0])
    if path.success:
        assert len(path) == len(times) or losses[len(path) - 1] < 1e-12 * losses[0]
    if path.status is Status.CONVERGED:
        xx, yx = given_moments
        left = np.linalg.norm(path.betas[-1] @ xx - yx, 2)
        assert left <= 1e-10 * np.linalg.norm(yx)
    return path.success


@pytest.mark.parametrize("family", FAMILIES)
def test_paths_are_those_of_an_oracle_with_many_digits(family):
    assert all(agrees(seed, family) for seed in range(4))


@given(st.integers(0, 10**9), st.sampled_from(FAMILIES))
@settings(max_examples=8)
def test_found_paths_are_those_of_the_oracle(seed, family):
    agrees(seed, family)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_exhaustively_nothing_is_wrong_and_little_refused(family):
    assert sum(agrees(1000 + seed, family) for seed in range(350)) >= 347


def test_a_coupling_however_weak_makes_one_part_of_two_modes():
    """b = (2, 1), s = (1, 3): alone, modes go by bs; coupled, the limit leaves at b²s."""
    xx, yx = np.diag([1.0, 3.0]), np.diag([2.0, 3.0])
    for coupling in (1e-11, 1e-8, 1e-5):
        mixed = xx + coupling * (1 - np.eye(2))
        path = certified(saddles.agf.linear(mixed, yx))
        assert path.times == pytest.approx([0, 1 / 3, 4 / 9], rel=10 * coupling)
        assert path.losses == pytest.approx([3.5, 1.5, 0], abs=10 * coupling)
    apart = certified(saddles.agf.linear(xx, yx))
    assert apart.times == pytest.approx([0, 1 / 3, 1 / 2])
    assert apart.losses == pytest.approx([3.5, 2, 0])


@given(st.integers(0, 10**6), st.integers(2, 4), st.floats(-16, -10))
def test_a_coupling_near_rounding_is_none_or_one_or_refused_but_never_half(seed, d, decade):
    rng = np.random.default_rng(seed)
    variances, signals = rng.uniform(0.3, 3.0, d), rng.uniform(0.5, 3.0, d)
    coupling = symmetric(rng.standard_normal((d, d))) * (1 - np.eye(d))
    answers = [
        saddles.agf.linear(np.diag(variances) + size * coupling, np.diag(signals))
        for size in (0.0, 1e-7)
    ]
    mixed = turned(rng, np.diag(variances) + 10**decade * coupling, np.diag(signals))
    path = saddles.agf.linear(*mixed, on_failure="return")
    assert path.status in (Status.CONVERGED, Status.UNDECIDED)
    k = len(path)
    assert any(
        path.times == pytest.approx(one.times[:k], rel=1e-4)
        and path.losses == pytest.approx(one.losses[:k], abs=1e-4 * one.losses[0])
        for one in answers
    )


#: Modes whose order by correlation is not that by what they explain, with weak couplings.
DISORDERED = {
    "a chain, its ends not coupled": (
        np.diag([1.0, 2.5, 5.5]) + 0.05 * (np.eye(3, k=1) + np.eye(3, k=-1)),
        np.diag([3.0, 3.75, 4.4]),
    ),
    # ΣyxΣxx⁻¹Σxy is diagonal: singular vectors of G at one saddle are orthogonal to the last ones.
    "coupled, with uncoupled best maps": (
        np.array([[1.0, 0.125, 0.5], [0.125, 3.0, 0.5], [0.5, 0.5, 2.0]]),
        np.eye(2, 3) * [[2.0], [3.0]],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DISORDERED)
def test_the_flow_leaves_modes_for_better_ones_that_they_couple_to(name):
    path = certified(saddles.agf.linear(*DISORDERED[name]))
    jumps = {}
    for log_alpha in (-1000.0, -2000.0):
        flow = saddles.flow.linear(*DISORDERED[name], log_alpha=log_alpha)
        jumps[log_alpha] = flow.jumps().times
        for loss, middle in zip(
            path.losses, path.times[:-1] + np.diff(path.times) / 2, strict=False
        ):
            assert flow.loss(middle) == pytest.approx(loss, abs=1e-3)
    assert 2 * jumps[-2000.0] - jumps[-1000.0] == pytest.approx(path.times[1:], rel=2e-3)


def test_a_coupling_that_could_be_rounding_is_refused():
    seen = set()
    for coupling in np.geomspace(1e-16, 1e-10, 25):
        moments = np.array([[1.0, coupling], [coupling, 3.0]]), np.diag([2.0, 3.0])
        path = saddles.agf.linear(*moments, on_failure="return")
        seen.add((path.status, tuple(path.losses.round(6).tolist())))
    whole = {(3.5, 2.0, 0.0), (3.5, 1.5, 0.0)}
    assert seen == {(Status.CONVERGED, losses) for losses in whole} | {(Status.UNDECIDED, (3.5,))}


#: Modes 1 and 2 explain the same, μ = (3, 3, 1), and are of one part.
EQUAL = (
    np.array([[2.0, -2, -1], [-2, 3, 2], [-1, 2, 2]]),
    np.array([[-1.0, 2, 1], [0, 0, 1], [-2, 1, 0]]),
)


def test_among_maps_that_explain_the_same_the_flow_chooses():
    path = certified(saddles.agf.linear(*EQUAL))
    # flow.linear at log α = −1000 and −3000, extrapolated in 1/log α.
    assert path.times == pytest.approx([0, 0.3228005, 0.5773218, 0.8571166], abs=2e-6)
    assert path.losses == pytest.approx([3.5, 2, 0.5, 0], abs=CLOSE)
    assert path.certificates.unique.tolist() == [True, False, True, True]


@pytest.mark.slow
def test_the_chosen_map_is_that_of_the_flow():
    path = saddles.agf.linear(*EQUAL)
    flow = saddles.flow.linear(*EQUAL, log_alpha=-300.0, until=0.5)
    assert flow.at(0.45) == pytest.approx(path.betas[1], abs=1e-6)


def test_maps_that_explain_almost_the_same_are_refused():
    xx, yx = EQUAL
    with pytest.raises(PathError, match="almost equally well") as refused:
        saddles.agf.linear(xx, yx * (1 + np.diag([1e-11, 0, 0])))
    assert refused.value.status is Status.UNDECIDED
    assert len(refused.value.path) == 1


@pytest.mark.parametrize("seed", range(4))
def test_copies_of_a_part_are_learnt_together(seed):
    xx, yx, _ = moments(seed, d=4, c=3)
    rng = np.random.default_rng(seed)
    twice = turned(rng, np.kron(np.eye(2), xx), np.kron(np.eye(2), yx))
    one, two = (certified(saddles.agf.linear(*given)) for given in ((xx, yx), twice))
    assert two.times == pytest.approx(one.times, rel=1e-8)
    assert two.losses == pytest.approx(2 * one.losses, abs=1e-8)
    assert [len(units) for units in two.entered] == [0] + [2] * (len(one) - 1)


def test_parts_are_found_behind_equal_singular_values():
    """v_1 couples to v_3, v_2 to none, and s_1 = s_2: apart, mode 2 is learnt without v_3."""
    xx = np.array([[2.0, 0, 1], [0, 2, 0], [1, 0, 1]])
    yx = np.diag([2.0, 2, 1])
    rng = np.random.default_rng(0)
    paths = [saddles.agf.linear(*given) for given in ((xx, yx), turned(rng, xx, yx))]
    alone = saddles.agf.linear(xx[::2, ::2], yx[::2, ::2])
    for path in map(certified, paths):
        assert path.times == pytest.approx(alone.times, rel=CLOSE)
        assert path.losses == pytest.approx(alone.losses + np.array([1, 0, 0]), abs=CLOSE)


@given(st.integers(0, 10**6), st.sampled_from(FAMILIES), st.integers(1, 4))
def test_a_narrow_network_makes_the_first_jumps(seed, family, width):
    given_moments = family(np.random.default_rng(seed))[1]
    wide = saddles.agf.linear(*given_moments, on_failure="return")
    path = saddles.agf.linear(*given_moments, width=width, on_failure="return")
    sizes = [len(units) for units in path.active]
    assert max(sizes) <= width
    whole = len(path) - (not path.certificates.unique[-1])
    assert path.times == pytest.approx(wide.times[: len(path)])
    assert path.losses[:whole] == pytest.approx(wide.losses[:whole])
    if path.success and max(sizes) < width:
        assert path.status is wide.status


def test_equal_modes_without_room_for_both_are_not_unique():
    path = saddles.agf.linear(np.eye(3), np.diag([2.0, 2.0, 1.0]), width=1)
    assert path.status is Status.MAX_RANK
    assert path.certificates.unique.tolist() == [True, False]
    assert path.losses == pytest.approx([4.5, 2.5])


def test_what_rounding_hides_of_the_gradient_is_said():
    """Gains of 1e8: a gradient of 1e-10 is below the last digit of MΣxx."""
    close = np.array([[1.0, 1 - 1e-8], [1 - 1e-8, 1.0]])
    path = saddles.agf.linear(close, [[1.0, 2.0], [3.0, 4.0]])
    assert path.status is Status.RESOLUTION
    assert len(path) == 3


def test_moments_whose_products_leave_float64_are_refused():
    for size in (1e-100, 1e100):
        with pytest.raises(ValueError, match=r"sigma_xx.*multiply the targets"):
            saddles.agf.linear(size * EYE, EYE)
    with pytest.raises(ValueError, match=r"pinv.*multiply the targets"):
        saddles.agf.linear(1e-80 * EYE, 1e80 * EYE)
    times = saddles.agf.linear(EYE, 1e80 * EYE).times
    assert 1e80 * times == pytest.approx([0, 1])


EYE = np.eye(2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.ones((2, 3)), EYE), "sigma_xx.*square"),
        (([[1.0, 2.0], [0.0, 1.0]], EYE), r"sigma_xx\[0, 1\]=2.0"),
        ((EYE, np.ones((2, 3))), r"sigma_yx has shape \(2, 3\)"),
        ((-EYE, EYE), "sigma_xx has the eigenvalue -1.0"),
        ((np.diag([1.0, 0.0]), EYE), "not in the range"),
        ((EYE, [[np.nan, 0.0]]), "not finite"),
    ],
)
def test_bad_moments(arguments, words):
    with pytest.raises(ValueError, match=words):
        saddles.agf.linear(*arguments)


def test_bad_options():
    for name, value in (("width", 0), ("tol", 2.0), ("sigma_yy", np.eye(3)), ("sigma_yy", EYE / 9)):
        with pytest.raises(ValueError, match=name):
            saddles.agf.linear(EYE, EYE, **{name: value})
