"""AGF of ReLU networks: closed forms, linear networks, plain gradient flow by rate, and laws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import saddles
from saddles import Status
from saddles.agf._engine.levels import AMPLITUDE
from saddles.agf._relu.broken_lines import climb
from saddles.agf._relu.descent import descend_kinked
from saddles.agf._relu.piecewise import PiecewiseUtility
from saddles.agf._relu.relu import _balanced

#: Newton's method leaves a few hundred eps of everything.
CLOSE = 1e-9
#: Of the plain flow, which is no stiffer than that.
STEP = 0.15


def problem(seed, d=2, largest=7):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, largest))
    return rng.standard_normal((n, d)), rng.standard_normal(n)


def steps(network, theta, time, step):
    """Follow the flow by midpoints, which at kinks go to and fro; yield θ after each step."""
    for _ in range(int(time / step)):
        half = theta + step / 2 * network.utility_gradient(theta, theta)
        theta = theta + step * network.utility_gradient(half, half)
        yield theta


def descent(network, theta, time, step):
    """Train by plain gradient descent; yield θ after each step."""
    for _ in range(int(time / step)):
        theta = theta + step * network.utility_gradient(theta, theta)
        yield theta


def trained(network, theta, time, step):
    """Return θ after `time`, and after a little more by shorter steps that go to and fro less."""
    for length, size in ((time, step), (time / 30, step / 10)):
        *_, theta = steps(network, theta, length, size)
    return theta


@pytest.mark.parametrize("seed", range(3))
def test_orthogonal_samples_are_learnt_sign_by_sign(seed):
    """Orthonormal x: neurons with a > 0 fit all y > 0 at once, at n/|y₊|; the others y < 0."""
    rng = np.random.default_rng(seed)
    n = 5
    X, y = np.linalg.qr(rng.standard_normal((n, n)))[0], rng.standard_normal(n)
    assert (y > 0).any()
    assert (y < 0).any()
    path = saddles.agf.relu(X, y, width=20, seed=seed)
    parts = sorted((np.where(y > 0, y, 0.0), np.where(y < 0, y, 0.0)), key=lambda p: -np.sum(p**2))
    assert path.status is Status.CONVERGED
    times = [n / np.linalg.norm(part) for part in parts]
    assert path.times == pytest.approx([0, *times], rel=CLOSE)
    assert path.betas == pytest.approx(np.array([0 * y, parts[0], y]), abs=CLOSE)
    assert path.certificates.stationarity.max() <= CLOSE
    assert path.losses == pytest.approx(
        [y @ y / 2 / n, np.sum(parts[1] ** 2) / 2 / n, 0], abs=CLOSE
    )


def test_without_a_bend_it_is_a_linear_network():
    X, y = problem(4, d=3, largest=12)
    n = len(y)
    path = saddles.agf.relu(X, y, slope=1.0, width=6)
    linear = saddles.agf.linear(X.T @ X / n, y[None] @ X / n, sigma_yy=[[y @ y / n]])
    assert len(path) == len(linear) == 2
    assert path.times == pytest.approx(linear.times, rel=CLOSE)
    assert path.losses == pytest.approx(linear.losses, abs=CLOSE)
    assert path.betas[1] == pytest.approx(X @ linear.betas[1][0], abs=1e-7)


def test_gradient_flow_tends_to_the_path():
    """Excess of the first three jump times times log(1/α) is bounded; plateaus are the saddles."""
    X, y = problem(2)
    init = _balanced(30, 2, 1, 2)
    path = saddles.agf.relu(X, y, init=init, max_jumps=3)
    assert len(path) == 4
    network = saddles.agf.ReluNetwork(X, y)
    halves = (path.losses[1:] + path.losses[:-1]) / 2
    used = init[path.active[-1]]
    measured = {}
    for scale in (25.0, 50.0):
        flow = steps(network, math.exp(-scale) * used, 1.08 * path.times[-1] * scale, STEP)
        losses = np.array([network.loss(theta) for theta in flow])
        times = STEP * np.arange(1, len(losses) + 1) / scale
        measured[scale] = np.interp(-halves, -losses, times)
    excess = (measured[50.0] - path.times[1:]) * 50
    assert excess == pytest.approx((measured[25.0] - path.times[1:]) * 25, rel=0.5, abs=4)
    assert 2 * measured[50.0] - measured[25.0] == pytest.approx(path.times[1:], rel=0.02)
    between = (path.times[1:-1] + path.times[2:]) / 2
    assert np.interp(between, times, losses) == pytest.approx(path.losses[1:-1], abs=2e-3)


def largest_direction(X, y):
    """Return the neuron that activates first, small."""
    found = saddles.agf.extremal_directions(X, y)
    theta = np.append(found.directions[0], found.sign[0]) / math.sqrt(2)
    return AMPLITUDE * theta[None], found


@pytest.mark.parametrize("seed", [0, 4])
def test_active_neurons_descend_as_the_plain_flow_does(seed):
    """Two neurons of either sign, kinks and all; the plain flow chatters around them."""
    X, y = problem(seed, largest=9)
    network = saddles.agf.ReluNetwork(X, y)
    _, found = largest_direction(X, y)
    rows = [
        np.append(found.directions[k], found.sign[k]) / math.sqrt(2)
        for k in (np.argmax(found.sign > 0), np.argmax(found.sign < 0))
        if found.growth[k] > 0
    ]
    theta = 0.1 * np.array(rows)
    end, _ = descend_kinked(network, theta, theta[:0])
    last = trained(network, theta, 300, 0.05)
    assert network.loss(last) == pytest.approx(network.loss(end.theta), abs=1e-4)
    assert network.outputs(last) == pytest.approx(network.outputs(end.theta), abs=2e-2)
    force = np.linalg.norm(network.gradient(end.theta))
    assert force <= 1e-8


def test_a_saddle_may_be_a_kink():
    """y falls where x_1 sees the neuron; it stays at x_1's edge, where both gradients push back."""
    X, y = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([-2.0, 3.0])
    path = saddles.agf.relu(X, y, width=10, max_jumps=1)
    network = saddles.agf.ReluNetwork(X, y)
    theta = np.array([[0.0, math.sqrt(3), math.sqrt(3)]])
    assert path.betas[1] == pytest.approx([0, 3], abs=CLOSE)
    assert network.outputs(theta) == pytest.approx([0, 3])
    assert np.linalg.norm(network.utility_gradient(theta, theta)) == pytest.approx(0, abs=CLOSE)
    aside = theta + np.array([[1e-9, 0, 0]])
    other = network.utility_gradient(aside, theta)
    assert np.linalg.norm(other) > 1
    assert np.abs(network.gradient(theta)).max() <= CLOSE
    assert path.certificates.worst <= CLOSE


def test_dormant_neurons_turn_while_active_ones_descend():
    """They end where neurons of the plain flow do that are so small that they change nothing."""
    X, y = problem(8, largest=9)
    network = saddles.agf.ReluNetwork(X, y)
    theta = 100 * largest_direction(X, y)[0]
    dormant = _balanced(12, 2, 1, 0)
    end, turned = descend_kinked(network, theta, dormant)
    last = trained(network, np.vstack([theta, 1e-30 * dormant]), 60, 8e-3)
    G = PiecewiseUtility.of(X, network.residual(end.theta), 0.0)
    before = PiecewiseUtility.of(X, y, 0.0)
    carried = 0
    for first, row, other in zip(dormant, turned, last[1:], strict=True):
        ends = [climb(G, v[:-1], sign=np.sign(v[-1])) for v in (row, other)]
        if ends[0].growth < 0:
            continue  # it fades, and steps of finite length unbalance it until a changes its sign
        assert ends[0].growth == pytest.approx(ends[1].growth, abs=1e-2)
        if ends[0].growth == 0:
            continue  # it rests anywhere in a dead arc
        assert ends[0].direction == pytest.approx(ends[1].direction, abs=1e-2)
        start = climb(before, first[:-1], sign=np.sign(first[-1])).direction
        carried += (
            np.abs(climb(G, start, sign=np.sign(first[-1])).direction - ends[0].direction).max()
            > 0.1
        )
    assert carried > 0


@settings(max_examples=4)
@given(st.integers(0, 10**4))
def test_laws(seed):
    X, y = problem(seed, largest=6)
    init = _balanced(8, 2, 1, seed)
    path = saddles.agf.relu(X, y, init=init, max_jumps=2, on_failure="return")
    assert path.success or path.status is Status.STALLED
    assert path.certificates.worst <= 1e-7
    assert (np.diff(path.losses) < 0).all()
    order = np.random.default_rng(seed).permutation(8)
    again = np.concatenate([order, order[:3]])
    other = saddles.agf.relu(X, 3 * y, init=init[again], max_jumps=2, on_failure="return")
    assert 3 * other.times == pytest.approx(path.times, rel=1e-7)
    assert other.losses / 9 == pytest.approx(path.losses, rel=1e-6, abs=1e-9)
    assert other.betas / 3 == pytest.approx(path.betas, abs=1e-5)


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.1, -1.0]))
def test_gradients_are_those_of_the_loss(seed, slope):
    rng = np.random.default_rng(seed)
    network = saddles.agf.ReluNetwork(rng.standard_normal((4, 2)), rng.standard_normal(4), slope)
    theta, direction = rng.standard_normal((2, 3, 3))
    step = 1e-6
    if np.abs(theta[:, :2] @ network.X.T).min() < 1e-3:
        return  # a kink within the difference
    ends = [network.loss(theta + s * step * direction) for s in (1, -1)]
    slope_along = (ends[0] - ends[1]) / (2 * step)
    assert np.sum(network.gradient(theta) * direction) == pytest.approx(slope_along, abs=1e-6)
    utilities = network.utility(theta, theta[:1])
    pull = network.utility_gradient(theta, theta[:1])
    assert np.sum(pull * theta, axis=1) == pytest.approx(2 * utilities)


def check_rate(X, y, init, slope=0.0, jumps=3):
    """Times from a finite scale exceed the limit's by c / log(1/α), c a constant."""
    options = {"init": init, "slope": slope, "max_jumps": jumps}
    path = saddles.agf.relu(X, y, **options)
    excess = []
    for scale in (300.0, 3000.0):
        other = saddles.agf.relu(X, y, **options, log_alpha=-scale)
        assert len(other) == len(path)
        assert other.log_alpha == -scale
        assert other.losses == pytest.approx(path.losses, rel=1e-7, abs=1e-10)
        assert other.betas == pytest.approx(path.betas, abs=1e-5)
        excess.append((other.times - path.times) * scale)
    # What turning costs does not depend on α but for exponentially small terms.
    assert excess[0] == pytest.approx(excess[1], rel=1e-6, abs=1e-6)
    assert (np.abs(excess[1][1:]) > 1e-3).any()
    return path


@pytest.mark.parametrize(("seed", "slope"), [(2, 0.0), (3, 0.1)])
def test_paths_from_finite_scales_tend_to_the_limit(seed, slope):
    X, y = problem(seed)
    check_rate(X, y, _balanced(6, 2, 1, seed), slope, jumps=2)


def test_unbalanced_neurons_take_their_own_time():
    X, y = problem(2)
    rng = np.random.default_rng(0)
    check_rate(X, y, rng.standard_normal((10, 3)) * rng.uniform(0.2, 2, (10, 1)), jumps=1)


def test_the_activation_norm_shifts_the_first_jump_by_its_logarithm():
    """Beyond the turning all growth is exponential: log h over the rate."""
    X, y = np.array([[1.0, 0.0], [0.0, 1.0]]), [2.0, -1.0]
    options = {"log_alpha": -100.0, "max_jumps": 1}
    times = [saddles.agf.relu(X, y, activation_norm=h, **options).times[1] for h in (1.0, 3.0)]
    assert (times[1] - times[0]) * 100 == pytest.approx(math.log(3))


def test_several_outputs_as_the_plain_flow_learns_them():
    """Excess of the flow's jump times, times log(1/α), is the same at two scales; so is AGF's."""
    rng = np.random.default_rng(0)
    X, Y, init = (rng.standard_normal(shape) for shape in ((6, 2), (6, 2), (3, 4)))
    path = check_rate(X, Y, init)
    assert path.betas.shape == (3, 6, 2)
    network = saddles.agf.ReluNetwork(X, Y)
    halves = (path.losses[1:] + path.losses[:-1]) / 2
    excess = {}
    for scale in (20.0, 40.0):
        flow = steps(network, math.exp(-scale) * init, 1.1 * path.times[-1] * scale, 0.1)
        losses = np.minimum.accumulate([network.loss(theta) for theta in flow])
        times = 0.1 * np.arange(1, len(losses) + 1)
        excess[scale] = np.interp(-halves, -losses, times) - path.times[1:] * scale
    assert losses[-1] == pytest.approx(path.losses[-1], abs=1e-3)
    assert excess[20.0] == pytest.approx(excess[40.0], abs=0.05)


def test_one_output_may_be_a_column():
    X, y = problem(2)
    path, other = (saddles.agf.relu(X, t, width=8, max_jumps=2) for t in (y, y[:, None]))
    assert other.betas.shape == (3, len(y), 1)
    assert other.betas[:, :, 0].tolist() == path.betas.tolist()
    assert other.times.tolist() == path.times.tolist()


def test_outputs_turn_with_their_targets():
    """Y and a turned by the same rotation: the same times, outputs turned."""
    rng = np.random.default_rng(1)
    X, Y, init = (rng.standard_normal(shape) for shape in ((6, 2), (6, 2), (3, 4)))
    turn = np.linalg.qr(rng.standard_normal((2, 2)))[0]
    path = saddles.agf.relu(X, Y, init=init, max_jumps=2)
    other = saddles.agf.relu(
        X,
        Y @ turn,
        init=init @ np.kron(np.diag([0, 1]), turn) + init @ np.diag([1, 1, 0, 0]),
        max_jumps=2,
    )
    assert other.times == pytest.approx(path.times, rel=1e-9)
    assert other.betas == pytest.approx(path.betas @ turn, abs=1e-6)


def test_neurons_that_would_part_end_a_path_with_several_outputs():
    """Two share the first direction: their difference grows, and the plain flow goes on."""
    rng = np.random.default_rng(2)
    X, Y, init = (rng.standard_normal(shape) for shape in ((6, 2), (6, 2), (3, 4)))
    path = saddles.agf.relu(X, Y, init=init)
    assert path.status is Status.NEURONS_PART
    assert path.success
    assert not path.status.finished
    network = saddles.agf.ReluNetwork(X, Y)
    pair = path.neurons[-1]
    shift = 1e-4 * np.random.default_rng(0).standard_normal(4)
    apart = trained(network, pair + np.array([shift, -shift]), 400, 0.1)
    assert network.loss(apart) < 0.99 * path.losses[-1]


def test_a_neuron_at_rest_keeps_its_imbalance():
    """Nothing pulls it until the residual changes; |a| < |w| then lets a change its sign."""
    G = PiecewiseUtility.of(np.array([[1.0, 0.0]]), np.array([1.0]), 0.0)
    end = climb(G, np.array([-1.0, 0.5]), sign=1.0, imbalance=0.25 - 1.25)
    assert end.growth == 0
    assert end.ratio == pytest.approx(math.sqrt(0.25 / 1.25))


def test_a_bias_is_a_feature():
    x, y = np.array([[-1.0], [0.0], [2.0]]), [1.0, -0.5, 0.7]
    path = saddles.agf.relu(x, y, bias=True, seed=3, max_jumps=2)
    other = saddles.agf.relu(np.column_stack([x, np.ones(3)]), y, seed=3, max_jumps=2)
    assert path.times.tolist() == other.times.tolist()


def test_neurons_that_no_sample_moves_end_it():
    path = saddles.agf.relu([[1.0, 0.0]], [1.0], init=[[-1.0, 0.1, 1.0], [-1.0, -0.1, -1.0]])
    assert path.status is Status.NO_GROWTH or path.status is Status.NOTHING_TO_LEARN
    assert len(path) == 1
    assert saddles.agf.relu([[1.0, 0.0]], [0.0]).status is Status.NOTHING_TO_LEARN


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (([1.0, 2.0], [1.0, 2.0]), {}, ValueError, "X=.* must have 2 axes"),
        ((np.eye(2), np.zeros((2, 2, 2))), {}, ValueError, "Y=.* must have 1 or 2 axes"),
        ((np.eye(2), [[1.0], [1.0, 2.0]]), {}, ValueError, "Y=.* is ragged"),
        ((np.eye(2), np.zeros((2, 0))), {}, ValueError, "Y=.* is empty"),
        ((np.eye(2), [1.0]), {}, ValueError, "Y has shape"),
        ((np.eye(2), [1.0, 1.0]), {"width": 0}, ValueError, "width=0"),
        ((np.eye(2), [1.0, 1.0]), {"width": None}, TypeError, "width=None"),
        ((np.eye(2), [1.0, 1.0]), {"init": [[1.0, 1.0]]}, ValueError, "init"),
        ((np.eye(2), [1.0, 1.0]), {"init": [[0.0, 0.0, 1.0]]}, ValueError, r"init\[0\] has w = 0"),
        ((np.eye(2), [1.0, 1.0]), {"slope": "x"}, TypeError, "slope='x'"),
        ((np.eye(2), np.eye(2)), {"slope": 1}, ValueError, "slope=1 .*agf.linear"),
        ((np.eye(2), [1.0, 1.0]), {"log_alpha": 0.1}, ValueError, "log_alpha=0.1"),
        ((np.eye(2), [1.0, 1.0]), {"activation_norm": -1.0}, ValueError, "activation_norm=-1.0"),
    ],
)
def test_bad_input(arguments, options, error, words):
    with pytest.raises(error, match=words):
        saddles.agf.relu(*arguments, **options)


@pytest.mark.parametrize("a", [-1.0, -0.51, 0.51, 1.0])
def test_a_weight_that_comes_to_zero_rests_or_goes_through(a):
    """|a| > |w|: a falling w reaches 0 in finite time, beyond which no sample sees it."""
    path = saddles.agf.relu([[1.0]], [1.0], init=[[0.5, a], [1.0, 1.0]])
    assert path.status is Status.CONVERGED
    assert path.times == pytest.approx([0, 1], rel=CLOSE)
    assert path.losses == pytest.approx([0.5, 0], abs=CLOSE)
    assert path.certificates.unique.all()


@pytest.mark.parametrize("log_alpha", [-math.inf, -300.0])
def test_with_two_outputs_too_a_weight_that_comes_to_zero_rests(log_alpha):
    init = [[0.5, -1.0, 0.0], [1.0, 1.0, 0.0]]
    path = saddles.agf.relu([[1.0]], [[1.0, 0.0]], init=init, log_alpha=log_alpha)
    assert path.status is Status.CONVERGED
    assert path.times == pytest.approx([0, 1], abs=0.01)
    assert path.losses == pytest.approx([0.5, 0], abs=CLOSE)


def test_a_linear_weight_goes_through_zero():
    """Without a bend it turns round, and learns what a neuron of the other sign would."""
    path = saddles.agf.relu([[1.0]], [-1.0], init=[[0.5, 1.0]], slope=1.0)
    assert path.times == pytest.approx([0, 1], rel=CLOSE)
    assert path.losses == pytest.approx([0.5, 0], abs=CLOSE)
    assert path.certificates.unique.all()


def test_a_weight_that_is_pushed_to_zero_from_both_sides_stays():
    X, r = np.array([[1.0, 1.0], [1.0, -1.0]]), [-1.0, -1.0]
    path = saddles.agf.relu(X, r, init=[[1.0, 0.1, 3.0]], slope=-1.0)
    assert path.status is Status.NO_GROWTH
    assert len(path) == 1


def test_a_weight_crosses_the_hyperplane_of_a_sample_that_is_fitted():
    """Where its target is 0 nothing bends at first; the slow crossing must not start over."""
    X = np.array(
        [[1, 0, 0, -1], [1, 0, 1, 1], [-2, 1, -1, -1], [0, 0, 1, 3], [-1, 0, 0, -1], [-2, 0, 0, 0],
         [0, 1, 0, 1], [-1, -3, 1, 0], [1, 0, 0, 0], [1, -1, 0, 0], [0, 2, -1, 3], [0, 0, 0, 1]],
        dtype=float,
    )  # fmt: skip
    y = np.array([-1, 0, 0, -1, -1, 0, 1, 0, 0, 0, 1, 0], dtype=float)
    init = [[-0.488, 0.248, -0.14, 0.425, math.sqrt(0.488**2 + 0.248**2 + 0.14**2 + 0.425**2)]]
    path = saddles.agf.relu(X, y, slope=0.1, init=init)
    network = saddles.agf.ReluNetwork(X, y, 0.1)
    theta = 0.1 * np.array(init)
    assert path.status is Status.MAX_RANK
    assert path.losses[1] == pytest.approx(
        network.loss(trained(network, theta, 400, 0.1)), abs=1e-4
    )


@pytest.mark.parametrize(
    ("seed", "times", "losses"),
    [
        (
            11,  # an active neuron comes back at once to the hyperplane that it leaves
            [4.46176185815944, 4.789881956335987, 6.145769931108813],
            [0.12907861956758618, 0.07260459538209812, 0.008505233518583547],
        ),
        (
            25,
            [2.714102745608369, 5.6118433498014895, 6.006220089223311],
            [0.5891985353633677, 0.36776344195611066, 0.3304235610864276],
        ),
        (
            26,
            [2.011665509053828, 4.487484225021536, 4.667772687831171],
            [0.42267088529317665, 0.3290826560969457, 0.11549695403800499],
        ),
    ],
)
def test_paths_as_one_stiff_flow_of_all_neurons_has_them(seed, times, losses):
    """Integrated with every dormant neuron beside the active ones, to eight digits."""
    rng = np.random.default_rng(seed)
    d, n = (2, 3, 5)[seed % 3], int(rng.integers(10, 31))
    X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    path = saddles.agf.relu(X, y, width=6, seed=seed, max_jumps=3)
    assert path.times[1:] == pytest.approx(times, rel=1e-8)
    assert path.losses[1:] == pytest.approx(losses, rel=1e-8)


def digits(n):
    """Return images of n handwritten digits, 0 or 1, and their signs."""
    from sklearn.datasets import load_digits

    data = load_digits()
    rows = np.flatnonzero(data.target < 2)[:n]
    return data.data[rows] / 16, 2.0 * data.target[rows] - 1


def test_digits_to_their_end_as_one_stiff_flow_of_all_neurons_has_them():
    """The eight neurons that are left are dead, and stay so: there is no third jump."""
    path = saddles.agf.relu(*digits(100), width=20)
    assert path.status is Status.CONVERGED
    assert path.times[1:] == pytest.approx([0.7637899369723116, 0.7743738175995968], rel=1e-8)
    assert path.losses[1:] == pytest.approx([0.250027760526065, 2.8361229524511768e-05], rel=1e-8)
    assert path.certificates.worst <= 1e-8


def test_digits_trained_by_steps_have_those_dead_neurons():
    """No sample sees them again, though residuals of the samples that they saw last change sign."""
    network = saddles.agf.ReluNetwork(*digits(100))
    theta = 1e-4 * _balanced(20, *network.widths, 0)
    *_, early = descent(network, theta, 3, 0.02)
    seen = (network.parts(early)[0] @ network.X.T > 0).any(axis=1)
    assert np.count_nonzero(seen) == 12
    last = np.abs(network.parts(early)[0][~seen] @ network.X.T).argmin(axis=1)
    signs = np.sign(network.residual(early)[last])
    *_, late = descent(network, early, 140, 0.02)
    assert (network.residual(late)[last] * signs < 0).any()
    assert (late[~seen] == early[~seen]).all()


@pytest.mark.slow
def test_more_digits():
    wide = saddles.agf.relu(*digits(360), width=50, max_jumps=2)
    assert wide.times[1:] == pytest.approx([0.8431630743676657, 0.8653234361422397], rel=1e-8)
    assert wide.losses[1:] == pytest.approx([0.24952297038979576, 0.007024077661559], rel=1e-8)


@pytest.mark.parametrize("log_alpha", [-math.inf, -50.0])
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("height", [0.3, 0.0])
def test_a_neuron_that_no_sample_sees_stays_so(log_alpha, outputs, height):
    """It comes to rest where it stops to see a sample, whose residual changes its sign later."""
    X, y = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), np.array([0.1, 2.0, 0.1])
    init = np.array([[1, 1, math.sqrt(2)], [height, -1, -math.sqrt(1 + height**2)]])
    more = np.zeros((3, outputs - 1))
    Y = y if outputs == 1 else np.hstack([y[:, None], more])
    init = np.hstack([init, np.zeros((2, outputs - 1))])
    path = saddles.agf.relu(X, Y, init=init, log_alpha=log_alpha)
    assert path.status is Status.CONVERGED
    assert path.losses == pytest.approx([0.67, 0.18], rel=CLOSE)
    network = saddles.agf.ReluNetwork(X, Y)
    *_, theta = descent(network, 1e-8 * init, 200, 0.02)
    assert network.loss(theta) == pytest.approx(0.18, rel=CLOSE)
