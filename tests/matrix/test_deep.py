"""Deep linear networks and factorisations: waits, jumps, what is carried along, and refusals."""

import itertools
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import saddles
from reference import deep_linear as oracle
from saddles import Status
from saddles._matrix import deep_jump

#: An integer problem that does not commute: moments, the map, and four layers over α.
XX = np.array([[2.0, 1, 0], [1, 3, 1], [0, 1, 2]])
MAP = np.array([[2.0, 0, 1], [-1, 1, 0], [0, 1, 1]])
LAYERS = [
    np.array([[1.0, 0, 1], [0, 1, -1], [1, 1, 0]]),
    np.array([[1.0, 1, 0], [0, 1, 1], [-1, 0, 1]]),
    np.array([[1.0, -1, 0], [1, 1, 0], [0, 1, 1]]),
    np.array([[1.0, 0, 1], [0, 1, 1], [1, -1, 0]]),
]
#: Its jump times for 3 and 4 layers, to the digits to which extrapolated flows gave them.
TIMES = {3: (0.10972125, 0.3292792, 3.81838), 4: (0.04457921, 0.2462359, 2.30020)}
DIGITS = (1e-8, 1e-6, 1e-5)
LOSSES = (10, 3.09088077, 0.04755864, 0)


@cache
def integers(depth):
    return saddles.agf.deep_linear(XX, MAP @ XX, init=LAYERS[:depth])


def excess(W):
    return float(np.trace((W - MAP) @ XX @ (W - MAP).T)) / 2


def completion():
    """Three pairs of entries of a 4 × 4 matrix: the flow finds rank 1, of nuclear norm 10."""
    target, mask = np.zeros((4, 4)), np.zeros((4, 4), dtype=bool)
    for i, j, value in ((0, 2, 1.0), (0, 3, 2.0), (1, 2, 2.0)):
        target[i, j] = target[j, i] = value
        mask[i, j] = mask[j, i] = True
    return saddles.MatrixCompletion(target, mask)


def random_network(seed, widths):
    rng = np.random.default_rng([seed, len(widths)])
    d, c = widths[0], widths[-1]
    X = rng.standard_normal((2 * d, d))
    xx = X.T @ X / (2 * d) + 0.3 * np.eye(d)
    yx = rng.standard_normal((c, d)) @ xx
    init = [rng.standard_normal((high, low)) for low, high in itertools.pairwise(widths)]
    return xx, yx, init


# --- fixtures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [3, 4])
def test_times_and_losses_of_the_integer_problem(depth):
    path = integers(depth)
    assert path.status is Status.CONVERGED
    assert path.kappa == depth
    assert (np.abs(path.times[1:] - TIMES[depth]) <= DIGITS).all()
    assert path.losses == pytest.approx(LOSSES, abs=1e-8)
    assert path.certificates.worst < 1e-12


def test_the_ends_of_dormant_layers_must_turn_with_the_active_ones(monkeypatch):
    """Without parallel transport during jumps the second one would come at .3302, not .3293."""
    monkeypatch.setattr(deep_jump, "_inverse", lambda rows: np.zeros(rows.mT.shape))
    path = saddles.agf.deep_linear(XX, MAP @ XX, init=LAYERS[:3], max_jumps=2)
    assert path.times[1] == pytest.approx(TIMES[3][0], abs=1e-8)
    assert path.times[2] > TIMES[3][1] + 8e-4


@pytest.mark.parametrize(("depth", "time"), [(3, 0.3903882), (4, 0.1951941)])
def test_completion_makes_one_jump_to_rank_one(depth, time):
    path = saddles.greedy_low_rank(completion(), depth=depth)
    assert path.times.tolist() == pytest.approx([0, time], abs=1e-7)
    assert path.times[1] == pytest.approx(2 / ((depth - 2) * (1 + np.sqrt(17))), rel=1e-9)
    assert np.linalg.norm(path.betas[1], "nuc") == pytest.approx(10, abs=1e-8)
    assert path.losses[1] == pytest.approx(0, abs=1e-12)


def test_among_many_completions_the_path_ends_at_that_of_the_flow():
    """Too few entries are seen: minimisers are a continuum, and the flow chooses."""
    rng = np.random.default_rng(0)
    factor, drawn = rng.standard_normal((5, 2)), rng.random((5, 5)) < 0.6
    loss = saddles.MatrixCompletion(factor @ factor.T, drawn | drawn.T)
    path = saddles.greedy_low_rank(loss, depth=3)
    assert not path.certificates.unique[-1]
    assert path.losses[-1] < 1e-20
    ends = [oracle.end(loss.gradient, [np.eye(5)] * 3, alpha, 8.0) for alpha in (2e-2, 1e-2)]
    assert 2 * ends[1] - ends[0] == pytest.approx(path.betas[-1], abs=6e-3)


# --- laws -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [3, 5])
def test_from_the_identity_modes_ring_at_their_own_times(depth):
    """Positive eigenvalues only, however large the negative ones are: rounding must not tell."""
    A = np.random.default_rng(1).standard_normal((5, 5))
    path = saddles.greedy_low_rank(saddles.FullMatrix(A + A.T), depth=depth)
    wanted = oracle.identity_start(np.linalg.eigvalsh(A + A.T), depth)
    assert path.status is Status.SIGN_CONSERVED
    assert path.times[1:] == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("widths", [(3, 4, 5, 3), (2, 3, 2, 3, 2)])
def test_saddles_are_the_best_maps_of_their_rank(widths):
    xx, yx, init = random_network(0, widths)
    path = saddles.agf.deep_linear(xx, yx, init=init)
    for rank, W in enumerate(path.betas):
        best = oracle.reduced_rank(xx, yx, rank)
        assert pytest.approx(best, abs=1e-8 * np.abs(yx).max()) == W


def test_scales_of_data_and_start_only_change_the_unit_of_time():
    """Outputs times s: rates s, in layers over s^{1/L}. Layers times c: times over c^{L−2}."""
    path = integers(3)
    large = saddles.agf.deep_linear(
        XX, 1e6 * MAP @ XX, init=[10 * layer for layer in LAYERS[:3]], max_jumps=2
    )
    assert large.times == pytest.approx(path.times[:3] / 1e7, rel=1e-7)
    assert large.betas == pytest.approx(1e6 * path.betas[:3], rel=1e-8, abs=1e-2)


def test_orthogonal_turns_of_hidden_layers_change_nothing():
    rng = np.random.default_rng(3)
    P, Q = (np.linalg.qr(rng.standard_normal((3, 3)))[0] for _ in range(2))
    turned = [P @ LAYERS[0], Q @ LAYERS[1] @ P.T, LAYERS[2] @ Q.T]
    path = saddles.agf.deep_linear(XX, MAP @ XX, init=turned, max_jumps=2)
    assert path.times == pytest.approx(integers(3).times[:3], rel=1e-7)


def test_commuting_data_leave_the_saddle_that_two_layers_rest_at():
    """The mode that correlates more explains less: three layers rest at 1.5, two at 2.0."""
    b, s = np.array([2.0, 1.0]), np.array([1.0, 3.0])
    init = [layer[:2, :2] for layer in LAYERS[:3]]
    deep = saddles.agf.deep_linear(np.diag(s), np.diag(b * s), init=init)
    assert deep.losses == pytest.approx([3.5, 1.5, 0], abs=1e-9)
    aligned = saddles.agf.deep_linear(np.diag(s), np.diag(b * s), init=[np.eye(2)] * 3)
    assert aligned.losses == pytest.approx([3.5, 2.0, 0], abs=1e-9)
    assert aligned.times == pytest.approx([0, 1 / 3, 1 / 2], rel=1e-7)


def test_a_loss_of_one_s_own_needs_no_second_derivative():
    class Distance:
        size = 2

        def value(self, W):
            return float(np.sum((W - np.diag([3.0, 1.0])) ** 2) / 2)

        def gradient(self, W):
            return W - np.diag([3.0, 1.0])

    path = saddles.greedy_low_rank(Distance(), depth=3)
    assert path.times == pytest.approx([0, 1 / 3, 1], rel=1e-7)


# --- the flow -------------------------------------------------------------------------------------


def test_the_flow_approaches_the_path_in_proportion_to_alpha():
    """The first jump, c α with c = −1.375 of these data, and the flow of a plain integrator."""
    path = integers(3)
    levels = (path.losses[:-1] + path.losses[1:]) / 2
    errors = []
    for alpha in (1e-2, 1e-3):
        flow = saddles.flow.deep_linear(
            XX, MAP @ XX, init=LAYERS[:3], log_alpha=np.log(alpha), until=0.4
        )
        errors.append((flow.crossing_times(levels[:2]) - path.times[1:3]) / alpha)
    assert errors[0][0] == pytest.approx(errors[1][0], rel=0.1)
    plain = oracle.crossing_times(
        lambda W: (W - MAP) @ XX, excess, LAYERS[:3], 1e-3, levels[:2], 0.4
    )
    assert plain == pytest.approx((path.times[1:3] + 1e-3 * errors[1]).tolist(), rel=1e-6)
    assert flow.conservation < 1e-7


def _fitted(alphas, times, powers):
    terms = np.array([[1.0, *(alpha**power for power in powers)] for alpha in alphas])
    return np.linalg.lstsq(terms, np.array(times), rcond=None)[0][0]


#: Of deeper networks float64 follows the flow to larger scales only, and what three powers of α
#: leave of the error there is more.
SCALES = {3: (1e-4, 3e-5, 1e-5, 3e-6), 4: (3e-3, 1e-3, 3e-4, 1e-4), 5: (2e-2, 1e-2, 5e-3, 3e-3)}
LEAVES = {3: 1e-4, 4: 1e-3, 5: 2e-3}
WIDTHS = [(3, 3, 3, 3), (3, 4, 5, 3), (3, 3, 3, 3, 3), (2, 3, 2, 3, 2, 2)]
#: A race so close that α must be below 1e-6: at 1e-4 the first direction is still .35 away from its
#: limit, and the second jump, at .178 and not .116, is that from a direction so far away.
TOO_CLOSE = ((3, 3, 3, 3, 3), 7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("widths", "seed"), sorted(set(itertools.product(WIDTHS, range(8))) - {TOO_CLOSE})
)
def test_random_networks_follow_their_path(widths, seed):
    """The first two jumps, extrapolated with the powers of α that the path's margins give."""
    xx, yx, init = random_network(seed, widths)
    path = saddles.agf.deep_linear(xx, yx, init=init)
    for rank, W in enumerate(path.betas):
        assert pytest.approx(oracle.reduced_rank(xx, yx, rank), abs=1e-8 * np.abs(yx).max()) == W
    depth, slow = len(init), 1 - path.certificates.margin[1]
    if slow > 0.8:
        pytest.skip("singular values so close that no flow extrapolates")
    levels = (path.losses[:2] + path.losses[1:3]) / 2
    measured = [
        saddles.flow.deep_linear(
            xx, yx, init=init, log_alpha=np.log(alpha), until=1.2 * path.times[2], rtol=1e-6
        ).crossing_times(levels)
        for alpha in SCALES[depth]
    ]
    first = _fitted(SCALES[depth], [row[0] for row in measured], [depth - 2, 2 * (depth - 2)])
    second = _fitted(SCALES[depth], [row[1] for row in measured], [1 - slow, 2 * (1 - slow), 1.0])
    assert first == pytest.approx(path.times[1], rel=1e-6)
    assert second == pytest.approx(path.times[2], rel=LEAVES[depth])


# --- ends and refusals ----------------------------------------------------------------------------


def test_a_sign_that_balanced_layers_conserve_ends_the_path():
    path = saddles.agf.deep_linear(np.eye(2), np.diag([4.0, -2.0]), init=[np.eye(2)] * 3)
    assert path.status is Status.SIGN_CONSERVED
    assert path.losses == pytest.approx([10, 2], abs=1e-9)
    flow = saddles.flow.deep_linear(
        np.eye(2), np.diag([4.0, -2.0]), init=[np.eye(2)] * 3, log_alpha=-5.0
    )
    assert flow.status is Status.RESOLUTION  # before rounding turns the sign, and all is learnt
    assert flow.loss(flow.times[-1:]) == pytest.approx([2])
    uneven = [np.eye(2), 2 * np.eye(2), 3 * np.eye(2)]
    assert saddles.agf.deep_linear(np.eye(2), np.diag([4.0, -2.0]), init=uneven).losses[-1] < 1e-12


@pytest.mark.parametrize("seed", [0, 1])
def test_a_symmetry_that_is_hidden_ends_the_flow_before_rounding_breaks_it(seed):
    """Turned inputs hide that W stays symmetric: its two negative eigenvalues are never learnt."""
    rng = np.random.default_rng(seed)
    Q, P = np.linalg.qr(rng.standard_normal((2, 3, 3)))[0]
    A = Q @ np.diag([3.0, -2, -1]) @ Q.T
    flow = saddles.flow.deep_linear(np.eye(3), A @ P, init=[P, *[np.eye(3)] * 2], log_alpha=-5.0)
    assert flow.status is Status.RESOLUTION
    assert flow.loss(2.0) == pytest.approx(2.5)
    assert flow.remaining.loss == pytest.approx(2.5, rel=0.1)


def test_nearly_equal_singular_values_end_the_path():
    path = saddles.agf.deep_linear(np.eye(3), np.diag([2, 2 + 1e-6, 1]), init=LAYERS[:3])
    assert path.status is Status.TIED
    assert len(path) == 1


@settings(max_examples=8)
@given(
    seed=st.integers(0, 1000),
    hidden=st.lists(st.integers(1, 3), min_size=2, max_size=3),
    dead=st.integers(1, 3),
    size=st.sampled_from([1e-12, 1.0, 1e12]),
)
def test_hidden_units_that_nothing_reaches_change_nothing_however_they_are_turned(
    seed, hidden, dead, size
):
    rng = np.random.default_rng(seed)
    narrow = [rng.standard_normal(shape[::-1]) for shape in itertools.pairwise([3, *hidden, 3])]
    narrow[0] *= size
    wide = list(narrow)
    for j, width in enumerate(hidden):
        turn = np.linalg.qr(rng.standard_normal((width + dead, width + dead)))[0][:, :width]
        wide[j], wide[j + 1] = turn @ wide[j], wide[j + 1] @ turn.T
    paths = [
        saddles.agf.deep_linear(XX, MAP @ XX, init=init, on_failure="return")
        for init in (narrow, wide)
    ]
    assert paths[1].status is paths[0].status
    assert paths[1].times == pytest.approx(paths[0].times, rel=1e-7)
    assert paths[1].losses == pytest.approx(paths[0].losses, abs=1e-9)


def test_rounding_does_not_wake_a_direction_of_hidden_units_that_is_dead():
    """W_1 is singular and W_2 is zero: (1, 1, −1) of the first hidden layer is at rest for ever."""
    init = [LAYERS[0], np.zeros((3, 3)), LAYERS[2]]
    path = saddles.agf.deep_linear(np.eye(3), np.diag([3.0, 2.0, 1.0]), init=init)
    assert path.status is Status.MAX_RANK
    assert path.losses == pytest.approx([7, 2.5, 0.5])
    flow = saddles.flow.deep_linear(
        np.eye(3), np.diag([3.0, 2.0, 1.0]), init=init, log_alpha=np.log(1e-3), until=40, rtol=1e-6
    )
    assert flow.loss(np.array([10.0, 40.0])) == pytest.approx([0.5, 0.5])
    assert [layer.shape for layer in flow.curve.layers(np.array([40.0]))] == [(1, 3, 3)] * 3


@pytest.mark.parametrize("sizes", [(1.0, 1.0, 1.0), (2.0, 2.0, 1.0)])
def test_equal_singular_values_and_equal_layers_end_the_path(sizes):
    """From the identity both modes grow together, and no pair comes before the other."""
    path = saddles.greedy_low_rank(saddles.FullMatrix(np.diag(sizes)), depth=3)
    assert path.status is Status.TIED
    assert len(path) == 1


def test_narrow_layers_end_at_their_width():
    init = [LAYERS[0][:2], LAYERS[1][:, :2], LAYERS[2]]
    path = saddles.agf.deep_linear(XX, MAP @ XX, init=init)
    assert path.status is Status.MAX_RANK
    assert path.losses[-1] == pytest.approx(LOSSES[2], abs=1e-8)


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ([np.eye(3)] * 2, r"init has 2 layers; a deep network has at least three: use agf.linear"),
        ([np.eye(3)], r"init has 1 layer; .*linear regression"),
        ([np.eye(3), np.ones((2, 2)), np.eye(3)], r"init\[1\] has shape \(2, 2\) and init\[0\]"),
        ([np.ones((3, 2)), np.eye(3), np.eye(3)], r"init maps 2 inputs to 3 outputs"),
        ([np.zeros((3, 3)), np.eye(3), np.zeros((3, 3))], r"init\[0\] and init\[2\] are zero"),
        ([[np.nan]], r"init\[0\]"),
        ([1e-100 * np.eye(3)] * 3, r"max\(abs\(init\)\)=1e-100: its power 1 .* divide alpha by it"),
        ([1e30 * np.eye(3)] * 6, r"max\(abs\(init\)\)=1e\+30: its power 4"),
    ],
)
def test_wrong_layers_are_named(init, message):
    with pytest.raises(ValueError, match=message):
        saddles.agf.deep_linear(XX, MAP @ XX, init=init)


@pytest.mark.parametrize(
    ("xx", "yx", "named"),
    [
        (1e-80, 1e80, r"pinv\(sigma_xx\)\)\)=1e\+160"),
        (1e60, 1e-40, r"pinv\(sigma_xx\)\)\)=1e-100"),
        (1e-95, 1.0, r"max\(abs\(sigma_xx\)\)=1e-95"),
        (1.0, 1e100, r"max\(abs\(sigma_yx\)\)=1e\+100"),
    ],
)
def test_moments_whose_products_leave_float64_are_refused(xx, yx, named):
    layers = [np.eye(2) + 0.1] * 3
    with pytest.raises(ValueError, match=named):
        saddles.agf.deep_linear(xx * np.eye(2), yx * np.eye(2), init=layers)
    with pytest.raises(ValueError, match=named):
        saddles.agf.linear(xx * np.eye(2), yx * np.eye(2))


def test_wrong_options_of_the_deep_factorisation_are_named():
    loss = saddles.FullMatrix(np.eye(2))
    with pytest.raises(ValueError, match=r"depth=1"):
        saddles.greedy_low_rank(loss, depth=1)
    with pytest.raises(ValueError, match=r"depth=1000000000: it must be at most 1000"):
        saddles.greedy_low_rank(loss, depth=10**9)
    with pytest.raises(ValueError, match=r"init has 3 layers and depth=4"):
        saddles.greedy_low_rank(loss, depth=4, init=[np.eye(2)] * 3)
    with pytest.raises(TypeError, match=r"max_rank=1 is for depth=2"):
        saddles.greedy_low_rank(loss, depth=3, max_rank=1)
    with pytest.raises(TypeError, match=r"init is given and depth=2"):
        saddles.greedy_low_rank(loss, init=[np.eye(2)] * 2)
    with pytest.raises(ValueError, match=r"alpha\*\*1 is below 1e-12.*agf.deep_linear"):
        saddles.flow.deep_linear(XX, MAP @ XX, init=LAYERS[:3], log_alpha=-40.0)
    with pytest.raises(ValueError, match=r"raise rtol to"):
        saddles.flow.deep_linear(XX, MAP @ XX, init=LAYERS[:3], log_alpha=-20.0, rtol=1e-8)


# --- layers that mirror each other ---------------------------------------------------------------


def symmetric(seed):
    A = np.random.default_rng(seed).standard_normal((3, 3))
    return A + A.T


@pytest.mark.parametrize("signs", [(-1, 1, 1), (-1, -1, -1), (1, -1, 1), (-1, 1, 1, 1)])
def test_signs_of_layers_are_a_sign_of_the_data(signs):
    """W_L…W_1 and f(W) change their signs together: what grows from −1 towards A does so from 1
    towards −A. An eigenvalue of the other sign is never learnt."""
    A, sign, depth = symmetric(0), int(np.prod(signs)), len(signs)
    init = [s * np.eye(3) for s in signs]
    plain = saddles.greedy_low_rank(saddles.FullMatrix(sign * A), depth=depth)
    path = saddles.greedy_low_rank(saddles.FullMatrix(A), depth=depth, init=init)
    for found in path, saddles.agf.deep_linear(np.eye(3), A, init=init):
        assert found.status is plain.status is Status.SIGN_CONSERVED
        assert found.times == pytest.approx(plain.times, rel=1e-9)
        assert found.losses == pytest.approx(plain.losses, rel=1e-9)
    assert path.betas == pytest.approx(sign * plain.betas, abs=1e-9)


@pytest.mark.parametrize("depth", [3, 4])
def test_rounding_learns_no_mode_that_commuting_data_never_learn(depth):
    """From the identity W commutes with both moments, and its eigenvalues keep their sign."""
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    xx, yx = (Q @ np.diag(values) @ Q.T for values in ([1.0, 2, 3], [4.0, -2, -1]))
    path = saddles.agf.deep_linear((xx + xx.T) / 2, yx, init=[np.eye(3)] * depth)
    assert path.status is Status.SIGN_CONSERVED
    assert path.times == pytest.approx([0, 1 / (4 * (depth - 2))])


def symmetric_times(A, low, middle, alpha, cuts):
    """Scaled times at which the flow of Wᵀ M W towards A, M symmetric, passes losses."""

    def split(y):
        return y.reshape(2, 3, 3)

    def velocity(_, y):
        W, M = split(y)
        G = A - W.T @ M @ W
        return np.stack([M @ W @ G, W @ G @ W.T]).ravel() / alpha

    def above(cut):
        def event(_, y):
            W, M = split(y)
            return np.sum((A - W.T @ M @ W) ** 2) / 2 - cut

        return event

    start = alpha * np.stack([low, middle]).ravel()
    events = [above(cut) for cut in cuts]
    events[-1].terminal = True
    run = solve_ivp(
        velocity, (0, 1e3), start, "LSODA", events=events, rtol=1e-10, atol=1e-13 * alpha
    )
    return np.array([times[0] for times in run.t_events])


def test_layers_that_mirror_each_other_follow_a_symmetric_flow():
    """The layer in the middle has eigenvalues of both signs. Rounding never breaks the symmetry."""
    A, rng = symmetric(1), np.random.default_rng(5)
    low, middle = rng.standard_normal((2, 3, 3))
    middle = middle + middle.T
    path = saddles.greedy_low_rank(
        saddles.FullMatrix(A), depth=3, init=[low, middle, low.T], max_jumps=2
    )
    cuts = (path.losses[1:] + path.losses[:-1]) / 2
    near, nearer = (symmetric_times(A, low, middle, alpha, cuts) for alpha in (4e-4, 2e-4))
    assert 2 * nearer - near == pytest.approx(path.times[1:], rel=1e-4)
