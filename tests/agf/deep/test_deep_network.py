"""Deep homogeneous networks: waits with degrees of their own, what they agree with, refusals."""

import math
import time
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import saddles
from reference import quadratic_flow as oracle
from saddles import SaddlePath, Status
from saddles.agf._deep import steps
from saddles.agf._deep.whole import Whole

torch = pytest.importorskip("torch")


def quadratic(d, hidden, outer, w, X):
    """Three layers, w_3·(W_2 (W_1 x)²)²: degree 7."""
    W1, W2, w3 = torch.split(w, [hidden * d, hidden * outer, outer])
    first = (X @ W1.reshape(hidden, d).T) ** 2
    return (first @ W2.reshape(outer, hidden).T) ** 2 @ w3


def problem(seed, d=2, hidden=3, outer=2, samples=40):
    """A network of random weights as the target, and another one as the start."""
    rng = np.random.default_rng(seed)
    size = hidden * d + hidden * outer + outer
    network, X = partial(quadratic, d, hidden, outer), rng.standard_normal((samples, d))
    Y = network(torch.tensor(rng.standard_normal(size)), torch.tensor(X)).numpy()
    return network, X, Y / np.sqrt(np.mean(Y**2)), rng.standard_normal(size)


@cache
def learnt(seed):
    return saddles.agf.deep_network(*problem(seed))


def measured(seed, path, alpha):
    """Waits of the flow over those of the path, less 1, and the errors of plateau losses."""
    _, X, Y, init = problem(seed)
    levels = (path.losses[:-1] + path.losses[1:]) / 2
    times = path.physical_times(np.log(alpha))
    found, plateaus = oracle.staircase(X, Y, init, (2, 3, 2), alpha, levels, 1.3 * times[-1])
    waits = np.diff(np.append(0, found)) / np.diff(times) - 1
    return waits, plateaus - path.losses[:-1]


def test_a_three_layer_quadratic_network_has_clocks_of_degree_7_and_3():
    path = learnt(2)
    assert path.status is Status.CONVERGED
    assert path.degrees == (7, 3, 3)
    assert [saddle.degree for saddle in path] == [None, 7, 3, 3]
    assert [len(units) for units in path.entered] == [0, 4, 3, 3]
    waits = np.diff(path.times) * [0.01**-5, 0.01**-1, 0.01**-1]
    assert path.physical_times(np.log(0.01))[1:] == pytest.approx(np.cumsum(waits))


def assert_tends_to(seed, path, largest):
    """Plateaus agree; waits are off by no more than `largest`, half as much at half the scale."""
    (waits, plateaus), (closer, _) = (measured(seed, path, alpha) for alpha in (0.004, 0.002))
    assert np.abs(plateaus).max() < 1e-5
    assert abs(waits[0]) < 1e-6
    assert np.abs(waits).max() < largest
    assert (np.abs(closer[1:]) < 0.6 * np.abs(waits[1:])).all()


def test_its_flow_makes_the_same_jumps():
    assert_tends_to(2, learnt(2), 0.01)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 3, 4, 5, 7, 8, 9])
def test_flows_of_quadratic_networks_tend_to_their_paths(seed):
    """The third race is close in two of them, 4 and 8: they are 13 and 10 per cent off."""
    path = saddles.agf.deep_network(*problem(seed), on_failure="return")
    assert len(path) > 1
    assert_tends_to(seed, path, 0.14 if seed in (4, 8) else 0.08)


@pytest.mark.slow
def test_weights_that_come_to_rest_do_not_grow():
    """The first wait has no end, as C_7 < 0 all the way."""
    path = saddles.agf.deep_network(*problem(6))
    assert path.status is Status.NO_GROWTH
    _, X, Y, init = problem(6)
    found, _ = oracle.staircase(X, Y, init, (2, 3, 2), 0.02, [0.499], 1e4 * 0.02**-5)
    assert np.isnan(found).all()


def test_a_path_of_mixed_degrees_is_kept_and_compared_as_such(tmp_path):
    path = learnt(2)
    path.save(tmp_path / "path.json")
    again = SaddlePath.load(tmp_path / "path.json")
    assert again == path
    assert again.degrees == (7, 3, 3)
    other = replace(path, degrees=(7, 3, 4))
    with pytest.raises(ValueError, match=r"degrees \(7, 3, 3\) and other of \(7, 3, 4\)"):
        saddles.compare(path, other)


def test_linear_layers_give_the_first_jump_of_the_deep_linear_network():
    rng = np.random.default_rng(0)
    X, layers = rng.standard_normal((30, 2)), [rng.standard_normal((2, 2)) for _ in range(3)]
    Y = X @ rng.standard_normal((2, 2)).T

    def network(w, x):
        for layer in torch.split(w, 4):
            x = x @ layer.reshape(2, 2).T
        return x

    init = np.concatenate([layer.ravel() for layer in layers])
    path = saddles.agf.deep_network(network, X, Y, init)
    exact = saddles.agf.deep_linear(X.T @ X / 30, Y.T @ X / 30, init=layers)
    assert path.status is Status.DEGREE_ONE
    assert path.times[1] == pytest.approx(exact.times[1], rel=1e-5)
    assert path.losses[1] == pytest.approx(exact.losses[1], rel=1e-8)


def test_relu_layers_have_a_first_wait_only():
    """Two chains of one unit: the wait of the larger one is that of a cubic coordinate, 1/σ."""
    module = torch.nn.Sequential(
        torch.nn.Linear(2, 2, bias=False),
        torch.nn.ReLU(),
        torch.nn.Linear(2, 2, bias=False),
        torch.nn.ReLU(),
        torch.nn.Linear(2, 1, bias=False),
    )
    init = [1.0, 0, 0, 1, 1, 0, 0, 1, 1, 1]
    for Y in [[[4.0], [1.0]], [4.0, 1.0]]:
        path = saddles.agf.deep_network(module, np.eye(2), Y, init)
        assert path.status is Status.DEGREE_ONE
        assert len(path) == 1
        assert path.remaining.next_jump == pytest.approx(1 / 2, rel=1e-5)
        chain = np.array([1, 0, 0, 0, 1, 0, 0, 0, 1, 0]) / np.sqrt(3)
        assert path.remaining.direction == pytest.approx(chain, abs=1e-5)


def test_waits_of_different_degrees_are_told_wherever_a_path_is_shown():
    path = learnt(2)
    assert "after waits of degrees 7, 3, 3" in repr(path)
    assert path.to_frame()["degree"].tolist()[1:] == [7, 3, 3]
    assert path.certificates.conjectured.tolist() == [False, False, True, True]
    with pytest.raises(ValueError, match=r"waits of the degrees \(7, 3, 3\)"):
        saddles.vanishing_limit(path, lambda log_alpha: None)


def crossed(w, X):
    """Outputs a⁴, a²b² and b⁴: where a is active, b⁴ lowers the loss and (a²b²)² raises it."""
    return w[0] ** 4 * X[:, 0] + w[0] ** 2 * w[1] ** 2 * X[:, 1] + w[1] ** 4 * X[:, 2]


def test_outputs_that_dormant_weights_would_spoil_hold_them_back():
    """At a⁴ = 4 the loss over b is (a⁴/2 − y) b⁴/3: with y = 3 less than without, with y = 1 up."""
    path = saddles.agf.deep_network(crossed, np.eye(3), [4.0, 0.0, 3.0], [1.0, 0.3])
    first = 3 / 32
    second = first + (3 / 8) * (0.3**-2 - 8 * first)
    assert path.degrees == (4, 4)
    assert path.times == pytest.approx([0, first, second], rel=1e-7)
    assert path.losses[2] == pytest.approx(23 / 18)
    held = saddles.agf.deep_network(crossed, np.eye(3), [4.0, 0.0, 1.0], [1.0, 0.3])
    assert held.status is Status.NO_GROWTH
    assert len(held) == 2


def squares(w, X):
    """Return outputs of two hidden units, w_2·(W_1 x)²."""
    return (X @ w[:4].reshape(2, 2).T) ** 2 @ w[4:]


def test_weights_that_shrink_at_a_saddle_are_held_there():
    """The first unit has no use for its second input, and that weight shrinks; unit two learns."""
    init, Y = np.array([1.0, 0.3, 0.4, 0.9, 0.8, -0.7]), np.array([2.0, -1.0])
    path = saddles.agf.deep_network(squares, np.eye(2), Y, init)
    assert path.status is Status.CONVERGED
    assert path.losses == pytest.approx([1.25, 0.25, 0], abs=1e-12)

    def velocity(_, w):
        W, a = w[:4].reshape(2, 2), w[4:]
        r = (Y - a @ W**2) / 2
        return np.concatenate([(2 * a[:, None] * W * r).ravel(), W**2 @ r])

    def halves(_, w):
        return (Y[1] - w[4:] @ w[:4].reshape(2, 2)[:, 1] ** 2) + 0.5

    waits = []
    for alpha in (0.01, 0.005):
        flow = solve_ivp(
            velocity, (0, 3 / alpha), alpha * init, "LSODA", events=halves, rtol=1e-9, atol=1e-13
        )
        waits.append(flow.t_events[0][0] * alpha)
    assert 2 * waits[1] - waits[0] == pytest.approx(path.times[2], rel=1e-4)


def test_weights_that_follow_the_winner_end_the_path_at_its_saddle():
    """The second input's weight grows like the square root of the first one's, and goes on."""
    init = [1.0, 0.3, 0.4, 0.9, 0.8, 0.7]
    path = saddles.agf.deep_network(squares, np.eye(2), [2.0, 1.0], init)
    assert path.status is Status.DEGREE_ONE
    assert path.losses == pytest.approx([1.25, 0.25])


def test_active_weights_that_make_room_for_dormant_ones_are_noticed():
    """a⁴ + a²b² stays 4 as b grows, so that b⁴ costs less than with a at rest."""

    def network(w, X):
        both = w[0] ** 2 * w[1] ** 2
        return (w[0] ** 4 + both) * X[:, 0] + both * X[:, 1] + w[1] ** 4 * X[:, 2]

    path = saddles.agf.deep_network(network, np.eye(3), [4.0, 0.0, 3.0], [1.0, 0.3])
    assert path.status is Status.DEGREE_ONE
    assert path.losses[1] == pytest.approx(1.5)


def test_outputs_of_a_lower_degree_let_dormant_weights_shrink():
    """b⁵ would lower the loss, but (a³b²)² is of degree 4 in b and raises it."""

    def network(w, X):
        return w[0] ** 5 * X[:, 0] + w[0] ** 3 * w[1] ** 2 * X[:, 1] + w[1] ** 5 * X[:, 2]

    path = saddles.agf.deep_network(network, np.eye(3), [4.0, 0.0, 1.5], [1.0, 0.6])
    assert path.status is Status.NO_GROWTH
    assert path.losses == pytest.approx([73 / 24, 3 / 8])


def at_infinity(w, X):
    """Outputs a²b and b³: (1, 0) is their limit along a²b = 1, and no value."""
    return X[:, :1] * torch.stack([w[0] ** 2 * w[1], w[1] ** 3])


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_of_the_loss_are_those_of_its_polynomials_and_fit_into_memory(order):
    """Of 20 weights: Jacobians of Jacobians would hold the squares of their sizes, 512 MB."""
    rng = np.random.default_rng(0)
    whole = Whole(
        lambda w, X: (X @ w[:16].reshape(4, 4)) ** 2 @ w[16:],
        rng.standard_normal((5, 4)),
        rng.standard_normal(5),
        size=20,
        degree=3,
    )
    theta, along = rng.standard_normal(20), rng.standard_normal(20)
    here, shares = whole.point(theta[None]), np.linspace(-1, 1, 7)
    outputs = np.array([whole.point((theta + s * along)[None]) for s in shares])
    linear = outputs @ (whole.targets - here) / 5
    for found, values in (
        (whole.derivative(theta, order), linear),
        (whole.square(theta, order), ((outputs - here) ** 2).sum(axis=1) / 10),
    ):
        size = np.abs(found).max()
        assert found == pytest.approx(found.swapaxes(0, -1), abs=1e-12 * size)
        wanted = np.polynomial.Polynomial.fit(shares, values, 6).convert().coef[order + 1]
        for _ in range(order + 1):
            found = found @ along
        assert found == pytest.approx(math.factorial(order + 1) * wanted, abs=1e-9 * (1 + size))


def test_a_very_high_degree_is_followed_or_said_to_take_too_long(monkeypatch):
    def run():
        return saddles.agf.deep_network(
            lambda w, X: X[:, 0] * w[0] ** 8, np.eye(2), [2.0, 1.0], [1.0, 1.0]
        )

    path = run()
    assert path.status is Status.CONVERGED
    assert path.times[1] == pytest.approx(1 / 48)
    monkeypatch.setattr(steps, "HIGHEST", 4)
    with pytest.raises(saddles.PathError, match=r"derivative 6 of the loss over 2 weights takes"):
        run()


def test_a_minimum_at_infinity_is_named():
    Y = [[1.0, 0.0], [1.0, 0.0]]
    with pytest.raises(saddles.PathError, match="the minimum lies at infinity") as refused:
        saddles.agf.deep_network(at_infinity, np.ones((2, 1)), Y, [1.0, 0.7])
    assert refused.value.status is Status.UNBOUNDED


@pytest.mark.slow
def test_kinks_without_number_cost_a_minute_and_not_five():
    """Weights that cross kinks all the time grow by steps as small as their distances."""
    torch.manual_seed(1)
    sizes = [3, 6, 6, 1]
    layers = [torch.nn.Linear(a, b, bias=False) for a, b in pairwise(sizes)]
    module = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
    rng = np.random.default_rng(1)
    started = time.process_time()
    path = saddles.agf.deep_network(module, rng.standard_normal((30, 3)), rng.standard_normal(30))
    assert path.status is Status.DEGREE_ONE
    assert time.process_time() - started < 120


def chains(w, X):
    """Two chains of three weights each."""
    return w[0] * w[1] * w[2] * X[:, 0] + w[3] * w[4] * w[5] * X[:, 1]


@given(inputs=st.integers(-100, 100), targets=st.integers(-100, 100), weights=st.integers(-30, 30))
@settings(max_examples=4)
@example(inputs=0, targets=-12, weights=0)
@example(inputs=3, targets=0, weights=0)
@example(inputs=-40, targets=50, weights=10)
def test_units_of_data_and_weights_change_units_only(inputs, targets, weights):
    """Waits of degree 3 scale like 1/(X Y θ), whatever the powers of ten."""
    X, Y, init = np.eye(2), np.array([2.0, 1.0]), np.array([1, 1.1, 1.2, 1, 1, 1.0])
    x, y, t = (10.0**power for power in (inputs, targets, weights))
    base = saddles.agf.deep_network(chains, X, Y, init)
    path = saddles.agf.deep_network(chains, x * X, y * Y, t * init)
    assert path.status is Status.CONVERGED
    assert path.times * x * y * t == pytest.approx(base.times, rel=1e-7)
    assert path.losses / y**2 == pytest.approx(base.losses, abs=1e-12)
    assert path.betas / y == pytest.approx(base.betas, abs=1e-7)


@pytest.mark.parametrize(
    ("targets", "init", "status"),
    [
        ([2.0, 1.0], [1, 0, 0, 1, 0, 0], Status.NO_GROWTH),
        ([2.0, 1.0], [1, 1, -1, 1, -1, 1], Status.NO_GROWTH),
        ([0.0, 0.0], [1, 1, 1, 1, 1, 1], Status.NOTHING_TO_LEARN),
    ],
)
def test_weights_that_rest_where_they_are_are_told_from_nothing_to_learn(targets, init, status):
    path = saddles.agf.deep_network(chains, np.eye(2), targets, init, degree=3)
    assert path.status is status
    assert len(path) == 1


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (lambda w, X: w[0] * w[1] * torch.tanh(w[2]) * X[:, 0], {}, r"the measured degree is"),
        (lambda w, X: w[0] * w[1] * w[2] * X[:, 0], {"degree": 4}, r"measured degree is 3"),
        (lambda w, X: w[0] * w[1] * X[:, 0], {}, r"degree=2: .*use saddles.agf.network"),
        (lambda w, X: 0 * w[0] * X[:, 0], {}, r"largest output of network\(init, X\) is 0\.0"),
        (lambda w, X: w[0] * w[1] * w[2] * X, {}, r"network\(theta, X\) has shape \(2, 2\)"),
        (
            lambda w, X: None,
            {"degree": 3},
            r"network\(init, X\) raises .* must return a torch tensor",
        ),
        (lambda w, X: w[9] * X[:, 0], {}, r"network\(init, X\) raises IndexError: index 9 is out"),
    ],
)
def test_networks_that_do_not_fit_are_refused(network, options, message):
    with pytest.raises(ValueError, match=message):
        saddles.agf.deep_network(network, np.eye(2), [1.0, 0.0], [1.0, 0.5, 2.0], **options)


def test_what_is_no_network_or_start_is_named():
    with pytest.raises(TypeError, match=r"network=3 must be a function"):
        saddles.agf.deep_network(3, np.eye(2), [1.0, 0.0], [1.0])
    module = torch.nn.Linear(2, 1, bias=False)
    with pytest.raises(ValueError, match=r"init has shape \(3,\) and the module has 2 weights"):
        saddles.agf.deep_network(module, np.eye(2), [[1.0], [0.0]], np.ones(3))
