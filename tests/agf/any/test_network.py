"""Any torch neuron: the special families again, the adapter's derivatives, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

import saddles
from reference import torch_descent
from saddles import Status
from saddles.agf import TorchNetwork, network
from saddles.homogeneous import HomogeneousNetwork
from tables.modular_ladder import sixes
from tests.agf import networks

torch = pytest.importorskip("torch")

#: Relative agreement of jump times with the special families.
TIMES = 1e-6


def diagonal_neuron(theta, X):
    """Σ_j u_j v_j x_j: a neuron that starts on one coordinate stays there."""
    return X @ (theta[: X.shape[1]] * theta[X.shape[1] :])


def linear_neuron(theta, X):
    return torch.outer(X @ theta[-X.shape[1] :], theta[: -X.shape[1]])


def cubic_neuron(theta, X):
    return theta[0] * (X @ theta[1:]) ** 2


def relu_neuron(theta, X):
    return theta[0] * torch.relu(X @ theta[1:])


def modular_neuron(theta, X):
    p = X.shape[1] // 2
    return torch.outer((X @ theta[: 2 * p]) ** 2, theta[2 * p :])


def regression(seed, n, d):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, X @ rng.standard_normal(d) + 0.3 * rng.standard_normal(n)


# --- the special families -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_diagonal_neurons_give_the_diagonal_path(seed):
    """With coefficients that leave, come back, and change sign before they ever activate."""
    X, y = regression(seed, *((8, 4) if seed % 2 else (4, 6)))
    expected = saddles.agf.diagonal(X, y)
    path = network(diagonal_neuron, X, y, np.eye(X.shape[1], 2 * X.shape[1]), degree=2)
    assert path.status is expected.status
    assert path.times == pytest.approx(expected.times, rel=TIMES)
    assert path.betas == pytest.approx(expected.betas @ X.T, abs=1e-9)
    for found, wanted in zip(path, expected, strict=True):
        assert found.active.tolist() == wanted.active.tolist()
        assert found.entered.tolist() == wanted.entered.tolist()
        assert found.left.tolist() == wanted.left.tolist()


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_linear_neurons_in_general_position_give_the_linear_path(seed, width):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((12, 3)) * [1.5, 1.0, 0.7]
    Y = X @ rng.standard_normal((3, 2)) + 0.1 * rng.standard_normal((12, 2))
    moments = X.T @ X / 12, Y.T @ X / 12
    expected = saddles.agf.linear(*moments, sigma_yy=Y.T @ Y / 12, width=width)
    path = network(linear_neuron, X, Y, rng.standard_normal((width, 5)), degree=2)
    assert path.status is expected.status
    assert path.times == pytest.approx(expected.times, rel=TIMES)
    assert path.losses == pytest.approx(expected.losses, rel=1e-9)
    assert path.betas == pytest.approx(X @ np.swapaxes(expected.betas, 1, 2), abs=1e-7)


def modular(template):
    p = len(template)
    rolled = np.array([np.roll(template, a) for a in range(p)])
    a, b = (grid.ravel() for grid in np.meshgrid(range(p), range(p), indexing="ij"))
    return np.hstack([rolled[a], rolled[b]]), rolled[(a + b) % p]


def same_path(template, init):
    """Assert that modular neurons have the path of modular addition, over saddles at infinity.

    Returns the times of the jumps, and those of modular addition.
    """
    expected = saddles.agf.modular_addition(template, init=init)
    path = network(modular_neuron, *modular(template), init, degree=3)
    assert path.kappa == 3
    assert path.status is expected.status
    assert expected.certificates.at_infinity.any()
    # A level at infinity is extrapolated: both do so alike, to a small part of what it leaves open.
    within = (1e-8 + 1e-2 * expected.certificates.creep) * expected.losses[0]
    assert (np.abs(path.losses - expected.losses) <= within).all()
    assert [units.tolist() for units in path.rang] == [units.tolist() for units in expected.rang]
    return path.times[1:], expected.times[1:]


@pytest.mark.parametrize(("period", "width"), [(5, 3), pytest.param(7, 4, marks=pytest.mark.slow)])
def test_modular_neurons_give_the_path_of_modular_addition(period, width):
    template = np.cos(2 * np.pi * np.arange(period) / period)
    init = np.random.default_rng(0).standard_normal((width, 3 * period))
    times, expected = same_path(template, init)
    assert times == pytest.approx(expected, rel=TIMES)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_modular_neurons_give_the_published_path(seed):
    """Twelve jumps, most of them over saddles at infinity, as closely as the start determines them.

    Nearly symmetric saddles on the way multiply differences by hundreds, be it those of 1e-8 that
    the integrator leaves or a change of the start by as much.
    """
    init = np.random.default_rng(seed).standard_normal((18, 60))
    template = np.fft.irfft([0, 10.0, 0, 5.0, 0, 2.5, 0, 0, 0, 0, 0], 20)
    times, expected = same_path(template, init)
    changes = []
    for k in range(3):
        aside = 1 + 1e-8 * np.random.default_rng(k).standard_normal(init.shape)
        moved = saddles.agf.modular_addition(template, init=init * aside)
        changes.append(np.abs(moved.times[1:] / expected - 1))
    missed = np.abs(times / expected - 1)
    assert len(missed) == 12
    assert missed[:6].max() <= TIMES
    assert missed.max() <= 5e-6
    assert (missed <= np.maximum(TIMES, 3 * np.max(changes, axis=0))).all()


@pytest.mark.slow
def test_modular_neurons_give_the_whole_path_where_saddles_are_finite():
    """Six exact neurons for each of two frequencies: six ring at once, and remove theirs."""
    template = np.fft.irfft([0, 6.0, 3.0, 0], 7)
    task = saddles.agf.ModularAddition(template)
    init = np.vstack([sixes(task, k) for k in task.frequencies])
    init /= np.linalg.norm(init, axis=1, keepdims=True)
    expected = saddles.agf.modular_addition(template, init=init)
    assert [len(saddle.entered) for saddle in expected] == [0, 6, 6]
    path = network(modular_neuron, *modular(template), init, degree=3)
    assert path.status is expected.status is Status.CONVERGED
    assert path.times == pytest.approx(expected.times, rel=TIMES)
    assert path.losses == pytest.approx(expected.losses, abs=1e-12)
    assert [units.tolist() for units in path.active] == [
        units.tolist() for units in expected.active
    ]


def test_a_neuron_that_comes_to_a_direction_without_growth_rests_there():
    """Beside a fitted neuron its own direction is one; steps end at the integrator's error."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((6, 3)), rng.standard_normal(6)
    start = np.roll(rng.standard_normal((2, 4)), 1, axis=1)
    path = network(cubic_neuron, X, Y, start, degree=3)
    assert path.status is Status.NO_GROWTH
    assert len(path) == 2
    residual = Y - path.betas[1]
    w, a = path.neurons[1][0, 1:], path.neurons[1][0, 0]
    assert np.abs(np.einsum("k,ki,kj,j->i", residual, X, X, w)).max() <= 1e-9 * abs(a)


def test_single_neuron_of_degree_three_against_its_clock():
    """a (w·x)² on one sample: U is largest at w² = 2a², and τ = 1/(3U) from there."""
    best = np.array([[1.0, np.sqrt(2)]]) / np.sqrt(3)
    path = network(cubic_neuron, [[1.0]], [3.0], best, degree=3)
    utility = 3.0 * best[0, 0] * best[0, 1] ** 2
    assert path.times == pytest.approx([0.0, 1 / (3 * utility)], rel=TIMES)
    assert path.losses == pytest.approx([4.5, 0.0], abs=1e-12)


# --- path against flow ----------------------------------------------------------------------------


def test_flow_tends_to_the_path():
    """Errors are multiples of α: see tests/flow/test_polar.py for the rate."""
    X, y = np.eye(2), np.array([2.0, -1.0])
    init = np.array([[1.0, 1.0, 0.1], [-1.0, 0.1, 1.0]])
    path = network(cubic_neuron, X, y, init, degree=3)
    plain = networks.power(X, y, 3)  # the same neurons, ten times as fast
    jumps = saddles.flow.neurons(plain, init, log_alpha=-9.0, until=1.5).jumps()
    assert jumps.losses == pytest.approx(path.losses, abs=np.exp(-9.0))
    assert jumps.times == pytest.approx(path.times[1:], abs=2 * np.exp(-9.0))


def test_flow_equals_plain_torch():
    X, y = regression(0, 6, 2)
    theta = np.random.default_rng(1).standard_normal((3, 3))
    flow = saddles.flow.neurons(
        TorchNetwork(cubic_neuron, X, y, size=3, degree=3),
        theta,
        log_alpha=np.log(0.3),
        until=0.6,
        rtol=1e-10,
    )
    exact = flow.loss(flow.until)
    followed = torch_descent.gradient_flow(cubic_neuron, X, y, 0.3 * theta, step=0.02, steps=100)
    assert followed[1][-1] == pytest.approx(exact, rel=1e-7)
    errors = [
        abs(
            torch_descent.gradient_descent(
                cubic_neuron, X, y, 0.3 * theta, step=2.0 / steps, steps=steps
            )[1][-1]
            - exact
        )
        for steps in (100, 200)
    ]
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.1)


# --- the adapter ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["diagonal", "linear", "cubic"])
def test_adapter_equals_numpy(name):
    X, y = regression(0, 7, 2)
    rng = np.random.default_rng(1)
    if name == "diagonal":
        neuron, (plain, _) = diagonal_neuron, networks.diagonal(X, y)
    elif name == "linear":
        neuron, plain = linear_neuron, networks.linear(X, rng.standard_normal((7, 3)))
    else:
        neuron, plain = cubic_neuron, networks.power(X, y, 3)
    task = TorchNetwork(neuron, X, plain.targets, size=plain.size, degree=plain.degree)
    assert isinstance(task, HomogeneousNetwork)
    for count, beside in ((4, 2), (3, 0), (0, 2)):
        theta, active = (rng.standard_normal((k, plain.size)) for k in (count, beside))
        assert task.loss(theta) == pytest.approx(plain.loss(theta), rel=1e-13)
        assert task.gradient(theta) == pytest.approx(plain.gradient(theta), abs=1e-12)
        assert task.utility(theta, active) == pytest.approx(plain.utility(theta, active), abs=1e-12)
        slope = plain.utility_gradient(theta, active)
        assert task.utility_gradient(theta, active) == pytest.approx(slope, abs=1e-12)
        assert task.point(theta) == pytest.approx(plain.point(theta), abs=1e-12)


@pytest.mark.parametrize("neuron", [cubic_neuron, relu_neuron])
def test_hessian_is_the_derivative_of_the_gradient(neuron):
    X, y = regression(0, 7, 2)
    task = TorchNetwork(neuron, X, y, size=3, degree=3 if neuron is cubic_neuron else 2)
    rng = np.random.default_rng(1)
    theta, basis = rng.standard_normal((4, 3)), np.linalg.qr(rng.standard_normal((3, 2)))[0]
    rows = []
    for step in 1e-5 * np.eye(8):
        moved = step.reshape(4, 2) @ basis.T
        rows.append((task.gradient(theta + moved) - task.gradient(theta - moved)) @ basis)
    numerical = np.array(rows).reshape(8, 8) / 2e-5
    assert task.hessian(theta, basis) == pytest.approx(numerical, abs=1e-7)


def test_relu_is_homogeneous_and_no_quadratic_form():
    X, y = regression(0, 7, 2)
    path = network(relu_neuron, X, y, width=1, size=3, degree=2, max_jumps=1)
    assert isinstance(path, saddles.agf.NeuronPath)
    assert len(path) == 2


def test_a_path_is_repeatable():
    X, y = regression(0, 4, 2)
    options = {"width": 2, "size": 3, "degree": 3, "seed": 3, "max_jumps": 1}
    first, second = (network(cubic_neuron, X, y, **options) for _ in range(2))
    assert np.array_equal(first.times, second.times)
    assert np.array_equal(first.betas, second.betas)


def test_callback_and_progress_bar(capfd):
    X, y = regression(0, 8, 3)
    init = np.eye(3, 6)
    seen = []
    path = network(diagonal_neuron, X, y, init, degree=2, callback=lambda s: s.index == 1)
    assert path.status is Status.STOPPED
    network(diagonal_neuron, X, y, init, degree=2, callback=seen.append)
    assert [saddle.index for saddle in seen] == list(range(len(seen)))
    assert not capfd.readouterr().err
    network(diagonal_neuron, X, y, init, degree=2, progress=True)
    assert "3 jumps" in capfd.readouterr().err


def test_log_alpha_sets_the_unit_of_physical_times():
    X, y = regression(0, 8, 3)
    path = network(diagonal_neuron, X, y, np.eye(3, 6), degree=2, log_alpha=-50.0)
    assert path.physical_times() == pytest.approx(50 * path.times)


# --- bad input ------------------------------------------------------------------------------------


def test_a_neuron_that_is_not_homogeneous_shows_its_degree():
    X, y = regression(0, 7, 2)
    with pytest.raises(ValueError, match=r"degree=3: .* the measured degree is 2;"):
        network(relu_neuron, X, y, width=2, size=3, degree=3)
    with pytest.raises(ValueError, match="the measured degree is between"):
        network(
            lambda theta, X: theta[0] * torch.tanh(X @ theta[1:]), X, y, width=2, size=3, degree=2
        )


def test_bad_neurons():
    X, y = regression(0, 7, 2)

    def refused(neuron, error, message):
        with pytest.raises(error, match=message):
            TorchNetwork(neuron, X, y, size=3, degree=2)

    refused("relu", TypeError, "must be callable")
    refused(lambda theta, X: 1.0, TypeError, r"neuron\(theta, X\)=1.0 must be a torch tensor")
    refused(lambda theta, X: theta, ValueError, r"has shape \(3,\) and Y has shape \(7,\)")
    refused(lambda theta, X: relu_neuron(theta, X).float(), ValueError, "dtype torch.float32")
    refused(lambda theta, X: 0 * X[:, 0] * theta[0], ValueError, "is zero for 8 random theta")
    refused(lambda theta, X: relu_neuron(theta, X) / 0, ValueError, "not finite")

    def branching(theta, X):
        return relu_neuron(theta, X) if theta[0] > 0 else -relu_neuron(theta, X)

    refused(branching, ValueError, "torch.where instead of if")
    refused(
        lambda theta, X: X @ theta, ValueError, r"theta of shape \(3,\) and X of shape \(7, 2\)"
    )
    refused(torch.nn.Linear(2, 1), ValueError, "torch.func.functional_call")


def test_bad_data_and_starts():
    X, y = regression(0, 7, 2)
    broken = X.copy()
    broken[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"X\[3, 1\]=nan is not finite"):
        network(relu_neuron, broken, y, width=2, size=3, degree=2)
    with pytest.raises(ValueError, match=r"Y\[0\]=nan is not finite"):
        network(relu_neuron, X, y * np.nan, width=2, size=3, degree=2)
    with pytest.raises(ValueError, match="same number of rows"):
        network(relu_neuron, X, y[:3], width=2, size=3, degree=2)
    with pytest.raises(ValueError, match="width=0"):
        network(relu_neuron, X, y, width=0, size=3, degree=2)
    with pytest.raises(ValueError, match="degree=1"):
        network(relu_neuron, X, y, width=2, size=3, degree=1)
    with pytest.raises(ValueError, match=r"init\[1\] is zero"):
        network(relu_neuron, X, y, [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]], degree=2)
    with pytest.raises(TypeError, match="without init both are needed"):
        network(relu_neuron, X, y, width=2, degree=2)
    with pytest.raises(TypeError, match="leave them out"):
        network(relu_neuron, X, y, np.ones((2, 3)), width=2, degree=2)


@pytest.mark.parametrize("degree", [2, 3])
def test_bad_options(degree):
    """They are refused whether or not neurons are quadratic forms, which need few of them."""
    X, y = regression(0, 7, 2)

    def product(theta, X):
        return theta[0] ** (degree - 1) * (X @ theta[1:])

    for options, error, words in [
        ({"tol": 5}, ValueError, "tol=5"),
        ({"creep": -5}, ValueError, "creep=-5"),
        ({"activation_norm": -5}, ValueError, "activation_norm=-5"),
        ({"progress": "no"}, TypeError, "progress='no'"),
        ({"error_bars": 1}, TypeError, "error_bars=1 must be True or False"),
    ]:
        with pytest.raises(error, match=words):
            network(product, X, y, width=2, size=3, degree=degree, **options)


def test_neurons_that_fall_into_parts_learn_each_by_itself():
    """Quadratic forms on the first coordinate, and on the two others: no sample has both."""
    X, y = np.array([[1.0, 0, 0], [0, 1, 1], [0, 1, 2], [0, 2, 1]]), np.arange(1.0, 5)

    def neuron(theta, X):
        return (X @ theta) ** 2

    path = network(neuron, X, y, size=3, width=3, degree=2)
    parts = [
        network(neuron, X[:, part], y, size=len(part), width=3, degree=2) for part in ([0], [1, 2])
    ]
    times = np.sort(np.concatenate([part.times[1:] for part in parts]))
    assert path.times[1:] == pytest.approx(times)
    falls = sum(part.losses[0] - part.losses[-1] for part in parts)
    assert path.losses[0] - path.losses[-1] == pytest.approx(falls)


def test_a_single_neuron_has_room_for_one_direction_in_each_part():
    X, y = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1]]), [1.0, 3.0, 2.0, 1.0]
    path = network(lambda theta, X: (X @ theta) ** 2, X, y, width=1, size=3, degree=2)
    assert path.status is Status.MAX_RANK_LEFT  # the second part turns, as it would alone


# --- networks that hold their own data ------------------------------------------------------------


def test_an_object_has_the_path_of_its_neuron():
    """Of every family: one neuron after the other, quadratic forms in parts and in one, ReLU."""
    X, y = regression(3, 6, 2)
    rng = np.random.default_rng(0)
    diagonal, start = networks.diagonal(X, y)
    for task, neuron, init in (
        (networks.power(X, y, 3), cubic_neuron, rng.standard_normal((2, 3))),
        (diagonal, diagonal_neuron, start),
        (networks.linear(X, y[:, None]), linear_neuron, rng.standard_normal((2, 3))),
    ):
        targets = task.targets
        wanted = network(neuron, X, targets, init, degree=task.degree)
        bare = Bare(task)
        assert isinstance(bare, HomogeneousNetwork)
        path = network(bare, init=init)
        assert path.status is wanted.status
        assert path.times == pytest.approx(wanted.times, rel=TIMES)
        assert path.losses == pytest.approx(wanted.losses, abs=1e-9)
        assert path.betas == pytest.approx(wanted.betas, abs=1e-6)


class Bare:
    """What `HomogeneousNetwork` lists, and nothing else: no targets, no second derivatives."""

    def __init__(self, network):
        self.degree, self.size = network.degree, network.size
        self.loss, self.gradient, self.point = network.loss, network.gradient, network.point
        self.utility, self.utility_gradient = network.utility, network.utility_gradient


@pytest.mark.parametrize("slope", [0.0, 0.3])
@pytest.mark.parametrize("bare", [False, True])
def test_relu_neurons_are_recognised_wherever_their_head_is(slope, bare):
    X, y = regression(1, 5, 2)

    def neuron(theta, X):
        return theta[1] * torch.nn.functional.leaky_relu(X @ theta[[0, 2]], slope)

    init = np.array([[1.0, 0.5, 0.2], [-0.3, -0.5, 1.0], [0.4, 0.3, -1.0]])
    wanted = saddles.agf.relu(X, y, init=init[:, [0, 2, 1]], slope=slope)
    if bare:
        path = network(Bare(TorchNetwork(neuron, X, y, size=3, degree=2)), init=init)
    else:
        path = network(neuron, X, y, init, degree=2)
    assert path.status is wanted.status
    assert path.times == pytest.approx(wanted.times)
    for mine, its in zip(path.neurons, wanted.neurons, strict=True):
        assert mine == pytest.approx(its[:, [0, 2, 1]], abs=1e-8)


def test_a_wide_relu_neuron_is_no_matter_of_minutes():
    X = np.random.default_rng(0).standard_normal((40, 5))
    y = np.sin(X[:, 0])
    options = {"degree": 2, "size": 6, "width": 4, "max_jumps": 1}
    path = network(lambda theta, X: theta[-1] * torch.relu(X @ theta[:-1]), X, y, **options)
    assert path.losses == pytest.approx([0.179276, 0.0734113], rel=1e-5)
    assert path.times[1] == pytest.approx(3.11686, rel=1e-5)


def test_a_neuron_that_fell_back_has_nothing_lacking():
    path = network(
        cubic_neuron,
        [[1.0, 0.0], [3.0, 2.0], [-3.0, -2.0]],
        [0.0, 2.0, -3.0],
        [[0.32, -0.82, 0.73], [-0.5, 0.88, -1.07], [0.91, -0.02, -1.25]],
        degree=3,
    )
    assert path.status is Status.CONVERGED
    assert path.times == pytest.approx([0.0, 0.54420776], rel=1e-6)
    assert path.losses == pytest.approx([13 / 6, 25 / 12])


def test_an_object_whose_methods_do_not_fit_each_other_is_refused():
    X, y = regression(2, 5, 2)
    task = networks.power(X, y, 3)
    init = np.ones((1, 3))

    def wrong(**methods):
        bare = Bare(task)
        vars(bare).update(methods)
        return bare

    for message, bad in (
        ("degree=4", wrong(degree=4)),
        ("sum of theta", wrong(utility_gradient=lambda t, a: 2 * task.utility_gradient(t, a))),
        ("-utility_gradient", wrong(gradient=lambda t: -task.gradient(t))),
        ("derivative of network.loss", wrong(loss=lambda t: 2 * task.loss(t))),
        ("utility.* has shape", wrong(utility=lambda t, a: task.utility(t, a)[:, None])),
    ):
        with pytest.raises(ValueError, match=message):
            network(bad, init=init)
    with pytest.raises(TypeError, match="X, degree came with a network"):
        network(task, X, init=init, degree=3)
    with pytest.raises(TypeError, match="are needed where neuron is a function"):
        network(cubic_neuron, X, y, init)


def test_nothing_to_learn():
    X, _ = regression(0, 7, 2)
    for neuron, size in ((diagonal_neuron, 4), (relu_neuron, 3)):
        path = network(neuron, X, np.zeros(7), width=2, size=size, degree=2)
        assert path.status is Status.NOTHING_TO_LEARN
    deaf = networks.power(-np.ones((3, 1)), np.array([3.0, 0.0, -3.0]), 3)
    assert network(deaf, init=np.ones((1, 2))).status is Status.NOTHING_TO_LEARN


@pytest.mark.parametrize(
    ("neuron", "degree", "kinked"),
    [
        (lambda theta, X: (X @ theta[:3]) * theta[3], 2, False),
        (lambda theta, X: torch.sqrt((X @ theta[:3]) ** 2 + theta[3] ** 2) * theta[3], 2, False),
        (lambda theta, X: torch.relu(X @ theta[:3]) ** 2 * theta[3], 3, False),
        (lambda theta, X: torch.relu(X @ theta[:3]) * theta[3], 2, True),
        (lambda theta, X: torch.nn.functional.leaky_relu(X @ theta[:3], 0.9) * theta[3], 2, True),
    ],
    ids=["linear", "root", "square of ReLU", "ReLU", "leaky ReLU"],
)
@pytest.mark.parametrize("samples", [1, 200])
def test_kinks_are_seen(neuron, degree, kinked, samples):
    rng = np.random.default_rng(samples)
    X, y = rng.standard_normal((samples, 3)), rng.standard_normal(samples)
    assert TorchNetwork(neuron, X, y, size=4, degree=degree).kinked == kinked


def test_a_flow_that_slides_along_a_kink_is_given_up_with_the_reason():
    rng = np.random.default_rng(0)
    X, y, init = (rng.standard_normal(shape) for shape in ((8, 2), 8, (8, 3)))
    with pytest.raises(saddles.PathError, match=r"kinks.*\(leaky\) ReLU"):
        network(
            lambda theta, X: torch.maximum(X @ theta[:2], X @ theta[[1, 0]]) * theta[2],
            X,
            y,
            init,
            degree=2,
        )
