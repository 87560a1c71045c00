"""The population's loss: against samples, in fewer dimensions, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import multi_index as reference
from saddles.agf import HermiteTarget, MultiIndex, Spherical, multi_index, single_index
from saddles.agf._multi_index.activation import NAMED
from saddles.flow import neurons

#: Standard errors that a mean may be off, for each of a handful of seeded samples.
SIGMAS = 4.0
#: Of a central difference whose step is 1e-5.
DIFFERENCES = 1e-8

CURVED = HermiteTarget({(2, 1): 1.0, (1, 0): 0.2, (0, 2): 0.4})
TWO = HermiteTarget.teacher([1.0, 1.0], np.eye(2))
COVARIANCE = np.array([[1.0, 0.3, 0.1], [0.3, 2.0, -0.4], [0.1, -0.4, 0.5]])


@st.composite
def networks(draw):
    """Any activation on three inputs, white or not, with three neurons, two of them parallel."""
    targets = (
        HermiteTarget.polynomial({1: 0.5, 3: 1.0, 4: -0.7}),
        CURVED,
        HermiteTarget.polynomial({(1, 1, 1): 1.0, (2, 0, 2): 0.5, (0, 0, 1): 1.0}),
        HermiteTarget.teacher([1.0, -0.4], [[1.0, 0.5], [0.0, -2.0]]),
    )
    spheres = Spherical(2, (0.3, 1.0, 0.0, 0.5)), Spherical(1, (0.0, 0.0, 1.0))
    network = MultiIndex(
        draw(st.sampled_from(targets)),
        3,
        activation=draw(st.sampled_from([*NAMED.values(), *spheres])),
        covariance=draw(st.sampled_from([None, COVARIANCE])),
    )
    theta = np.random.default_rng(draw(st.integers(0, 10**6))).standard_normal((3, 4))
    theta[:, 1:] += np.sign(theta[:, 1:])  # no neuron near w = 0, where derivatives are large
    if draw(st.booleans()):
        theta[1, 1:] = 1.3 * theta[0, 1:]
    return network, theta


@settings(max_examples=40)
@given(networks())
def test_derivatives_are_those_of_the_loss(drawn):
    """Gradients and second derivatives by central differences, of parallel neurons too."""
    network, theta = drawn
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 2)))[0]
    step = 1e-5
    slopes, bends = [], []
    for k in range(theta.size):
        aside = step * np.eye(theta.size)[k].reshape(theta.shape)
        slopes.append((network.loss(theta + aside) - network.loss(theta - aside)) / (2 * step))
    for k in range(6):
        aside = step * np.eye(6)[k].reshape(3, 2) @ basis.T
        turned = network.gradient(theta + aside) - network.gradient(theta - aside)
        bends.append((turned @ basis).ravel() / (2 * step))
    gradient, bend = network.gradient(theta), network.hessian(theta, basis)
    size = 1 + abs(network.loss(theta)) + np.abs(gradient).max()
    assert gradient.ravel() == pytest.approx(np.array(slopes), abs=DIFFERENCES * size)
    # The kernels of degree 1 are twice differentiable where neurons are parallel, not three times.
    rough = 1e-4 if network.degree == 2 else 10 * DIFFERENCES
    assert bend == pytest.approx(np.array(bends), abs=rough * (size + np.abs(bend).max()))


@given(networks())
def test_utilities_are_those_of_the_loss(drawn):
    """What is bilinear in neurons follows from losses with and without them."""
    network, theta = drawn
    nobody, others, one = theta[:0], theta[:2], theta[2:]
    turned = one * [-1, 1, 1, 1]
    known = [network.loss(each) for each in (nobody, others, one, theta, turned)]
    none, beside, alone, together, against = known
    size = 1e-12 * sum(known)
    first, later = (float(network.utility(one, active)[0]) for active in (nobody, others))
    assert first == pytest.approx((against - alone) / 2, abs=size)
    assert later - first == pytest.approx(beside - together + alone - none, abs=size)
    pull = network.utility_gradient(one, others)
    assert float(np.sum(pull * one)) == pytest.approx(network.degree * later, abs=size)
    lengths = np.linalg.norm(theta[:, 1:], axis=1)
    v = theta[:, 1 : 1 + network.target.r] / lengths[:, None]
    assert network.overlaps(theta) == pytest.approx(v, rel=1e-12)


@pytest.mark.parametrize("name", ["relu", "leaky", "quadratic", "relu3"])
def test_the_loss_is_the_mean_over_samples(name):
    activation, theta = NAMED[name], np.random.default_rng(0).standard_normal((2, 5))
    plain = reference.Activation(activation.k, activation.plus, activation.minus)
    for target in (CURVED, HermiteTarget.teacher([1.0, -0.5], [[1.0, 0.0], [0.3, 0.8]])):
        network = MultiIndex(target, 4, activation=activation)
        mean, error = reference.monte_carlo(
            lambda z, target=target: target.values(z, activation), plain, theta, 2, 100_000, 0
        )
        assert network.loss(theta) == pytest.approx(mean, abs=SIGMAS * error)


def test_samples_are_drawn_from_the_population():
    """With a covariance, too: the loss on them is that of the network."""
    covariance = np.diag([1.0, 2.0, 0.5]) + 0.2
    theta = np.random.default_rng(1).standard_normal((2, 4))
    for target in (CURVED, TWO):
        network = MultiIndex(target, activation="relu2", covariance=covariance)
        X, y = network.sample(100_000, seed=1)
        losses = (y - theta[:, 0] @ network.activation(theta[:, 1:] @ X.T)) ** 2 / 2
        error = losses.std() / math.sqrt(len(y))
        assert network.loss(theta) == pytest.approx(losses.mean(), abs=SIGMAS * error)
        assert X.T @ X / len(X) == pytest.approx(covariance, abs=0.05)


def test_correlated_inputs_see_rotations_only():
    """A covariance Q diag Qᵀ of the coordinates beside z is what turned neurons see."""
    turned = np.linalg.qr(np.random.default_rng(2).standard_normal((2, 2)))[0]
    Q = np.block([[np.eye(1), np.zeros((1, 2))], [np.zeros((2, 1)), turned]])
    target = HermiteTarget({1: 1.0, 2: 0.5})
    plain = MultiIndex(target, covariance=np.diag([1.5, 1.0, 0.5]))
    other = MultiIndex(target, covariance=Q @ np.diag([1.5, 1.0, 0.5]) @ Q.T)
    theta = np.random.default_rng(3).standard_normal((3, 4))
    along = np.column_stack([theta[:, :1], theta[:, 1:] @ Q.T])
    assert other.loss(along) == pytest.approx(plain.loss(theta), rel=1e-12)


def test_a_smooth_function_is_its_expansion():
    target = HermiteTarget.callable(lambda z: np.sin(z[:, 0]) * np.exp(z[:, 1] / 3), 2, 24)
    activation, v = NAMED["relu"], np.array([0.6, -0.7])
    network = MultiIndex(target, 3, activation=activation)
    theta = np.array([[1.0, *v, math.sqrt(1 - v @ v)]])
    expected = reference.target_term(
        lambda z: np.sin(z[:, 0]) * np.exp(z[:, 1] / 3), reference.Activation(1, 1.0, 0.0), v
    )
    assert network.utility(theta, theta[:0])[0] == pytest.approx(expected, abs=1e-12)
    power = (1 - math.exp(-2)) / 2 * math.exp(2 / 9)
    assert network.loss(theta[:0]) == pytest.approx(power / 2, rel=1e-10)


def test_teachers_have_hermite_coefficients_of_their_own():
    rows = np.array([[1.0, 0.5], [0.0, -2.0]])
    target, activation = HermiteTarget.teacher([1.0, 2.0], rows), NAMED["relu2"]
    known = target.hermite(activation, 3)
    assert len(known) == 10
    for beta, value in known.items():
        only = HermiteTarget({beta: 1.0 / math.prod(map(math.factorial, beta))})
        expected = sum(
            b
            * np.linalg.norm(row) ** 2
            * reference.target_term(
                lambda z, only=only: only.values(z, activation),
                reference.Activation(2, 1.0, 0.0),
                row / np.linalg.norm(row),
                nodes=4,
            )
            for b, row in zip(target.weights, target.directions, strict=True)
        )
        assert value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["relu", "relu2"])
def test_any_dimension_reduces_to_the_span_of_the_start(name):
    target = HermiteTarget({(1, 0): 1.0, (1, 1): 1.0, (0, 2): 0.3})
    wide = MultiIndex(target, 300, activation=name)
    init = np.random.default_rng(0).standard_normal((4, 301))
    small, rows = wide.reduced(init)
    assert (small.d, rows.shape) == (6, (4, 7))
    assert rows[:, 1:] @ rows[:, 1:].T == pytest.approx(init[:, 1:] @ init[:, 1:].T, rel=1e-12)
    theta, other = init / 20, rows / 20
    for _ in range(30):
        theta = theta - 0.05 * wide.gradient(theta)
        other = other - 0.05 * small.gradient(other)
    assert small.loss(other) == pytest.approx(wide.loss(theta), rel=1e-12)
    assert small.overlaps(other) == pytest.approx(wide.overlaps(theta), abs=1e-12)


def test_a_covariance_with_few_eigenvalues_reduces_too():
    """A spiked one: neurons stay in what it makes of the span of U and of their start."""
    rng, d = np.random.default_rng(0), 40
    spike = rng.standard_normal(d) / math.sqrt(d)
    target = HermiteTarget({(1, 0): 1.0, (1, 1): 1.0, (0, 2): 0.3})
    wide = MultiIndex(target, covariance=0.7 * np.eye(d) + np.outer(spike, spike))
    init = rng.standard_normal((3, d + 1))
    small, rows = wide.reduced(init)
    assert small.d == 6  # U, three neurons and the spike
    theta, other = init / 9, rows / 9
    for _ in range(30):
        theta = theta - 0.05 * wide.gradient(theta)
        other = other - 0.05 * small.gradient(other)
    assert small.loss(other) == pytest.approx(wide.loss(theta), rel=1e-11)
    assert small.overlaps(other) == pytest.approx(wide.overlaps(theta), abs=1e-12)
    same, rows = MultiIndex(target, covariance=COVARIANCE).reduced(init[:, :4])
    assert (same.d, rows.tolist()) == (3, init[:, :4].tolist())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["relu", "relu2"])
def test_the_flow_in_300_dimensions_is_that_of_its_reduction(name):
    target = HermiteTarget({(1, 0): 1.0, (1, 1): 1.0, (0, 2): 0.3})
    wide = MultiIndex(target, 300, activation=name)
    init = np.random.default_rng(0).standard_normal((4, 301)) / math.sqrt(150)
    flows = [neurons(*each, log_alpha=-6.0, rtol=1e-10) for each in (wide.reduced(init),)]
    flows.append(neurons(wide, init, log_alpha=-6.0, rtol=1e-10))
    times = np.linspace(0, flows[0].until, 60)
    losses = [flow.loss(times) for flow in flows]
    assert losses[1] == pytest.approx(losses[0], abs=1e-9)


def test_what_is_wrong_is_said():
    third = HermiteTarget({(3,): 1.0})
    known = [
        (lambda: MultiIndex(third), "Hermite degrees 3 .* orthogonal to every neuron"),
        (lambda: MultiIndex(TWO, 1), "d=1 is below r=2"),
        (lambda: MultiIndex(TWO, covariance=np.diag([1.0, -1.0])), "positive definite"),
        (lambda: MultiIndex(TWO, covariance=np.diag([1.0, 0.0])), "positive definite"),
        (lambda: MultiIndex(TWO, 3, covariance=np.eye(2)), r"covariance has shape \(2, 2\)"),
        (lambda: MultiIndex(TWO, activation="tanh"), "activation='tanh'"),
        (lambda: multi_index(TWO, 3, width=0), "width=0"),
        (lambda: multi_index(TWO, math.inf, width=4), "no overlap with the target"),
        (lambda: multi_index(TWO, 3, overlaps=[[0.9, 0.9]]), r"overlaps\[0\] has the norm"),
        (lambda: multi_index(TWO, 2, overlaps=[[0.5, 0.5]]), "just 1 if d = r"),
        (lambda: multi_index(TWO, 3, overlaps=[[0.5]]), r"overlaps has shape \(1, 1\)"),
        (lambda: multi_index(TWO, 3, width=2, signs=[1, 0.5]), "signs="),
        (lambda: multi_index(TWO, 3, init=np.ones((2, 3))), r"init has shape \(2, 3\)"),
        (lambda: single_index(TWO, 3, width=1), "link has r=2"),
        (lambda: HermiteTarget({}), "a target needs a term"),
        (lambda: HermiteTarget({(1,): 1.0, (1, 0): 1.0}), "the same length"),
        (lambda: HermiteTarget.teacher([1.0], [[0.0, 0.0]]), r"directions\[0\] is zero"),
        (lambda: HermiteTarget.callable(lambda z: np.abs(z[:, 0]), 1, 30), "raise order"),
    ]
    for call, said in known:
        with pytest.raises(ValueError, match=said):
            call()
    for call in (
        lambda: MultiIndex(TWO, activation=np.tanh),
        lambda: MultiIndex({(1, 0): 1.0}),
        lambda: multi_index(TWO, 3),
        lambda: multi_index(TWO, 3, init=np.ones((1, 4)), signs=[1]),
        lambda: HermiteTarget([1.0]),
    ):
        with pytest.raises(TypeError, match=r"=|came with"):
            call()


@pytest.mark.parametrize(
    "arguments",
    [(1.0, [1.0]), (None, None), ("a", [[1.0]]), ([1.0], [[1e-200, 0.0]]), ([1.0], [[1e200, 0.0]])],
)
def test_teachers_that_are_none_are_refused(arguments):
    with pytest.raises(
        (TypeError, ValueError), match=r"^(weights|max\(abs\(directions|directions)"
    ):
        HermiteTarget.teacher(*arguments)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (HermiteTarget({(1,): 1e-200}), "multiply it by a constant"),
        (HermiteTarget({(1,): 1e150}), "multiply it by a constant"),
        (HermiteTarget.teacher([1e-100], [[1e-60]]), "multiply it by a constant"),
        (HermiteTarget({(200,): 1e-200}), "leave such terms out"),
        (HermiteTarget({(1,): 0.0}), "is zero; give it a term"),
        (HermiteTarget.teacher([0.0], [[1.0]]), "is zero; give it a term"),
    ],
)
def test_targets_whose_squares_fit_no_float64_are_refused(target, said):
    with pytest.raises(ValueError, match=said):
        MultiIndex(target)


def test_targets_and_networks_compare_by_value():
    assert HermiteTarget({(1,): 1}) == HermiteTarget({1: 1.0}) != HermiteTarget({1: 2.0})
    assert MultiIndex(HermiteTarget({1: 1.0}), 2) == MultiIndex(HermiteTarget({1: 1.0}), 2)
    assert hash(HermiteTarget({1: 1.0})) == hash(HermiteTarget({1: 1.0}))


def test_values_and_coefficients_take_an_activation_by_name_and_check_coordinates():
    target = HermiteTarget.teacher([2.0], [[1.0, 0.0]])
    assert target.values([[3.0, 1.0]], "relu").tolist() == [6.0]
    assert target.hermite("relu", 1)[1, 0] == pytest.approx(1.0)
    with pytest.raises(ValueError, match=r"z has shape \(1, 3\)"):
        target.values([[1.0, 2.0, 3.0]], "relu")
    with pytest.raises(TypeError, match="must be a function of coordinates"):
        HermiteTarget.callable("x", 1, 2)


@pytest.mark.parametrize("theta", [[1, 2, 3], [[1, 2]], "a", [[np.nan, 1, 1]], [[1, 1e200, 0]]])
def test_overlaps_refuse_what_are_no_neurons(theta):
    with pytest.raises((TypeError, ValueError), match=r"^theta"):
        MultiIndex(HermiteTarget({(1, 0): 1.0})).overlaps(theta)


def test_points_are_the_hermite_coefficients_of_the_network():
    """Those of a target with the same neurons as teachers."""
    theta = np.random.default_rng(0).standard_normal((3, 4))
    for activation in ("relu", "cubic", Spherical(2, (0.3, 1.0, 0.0, 0.5))):
        network = MultiIndex(CURVED, 3, activation=activation)
        same = HermiteTarget.teacher(theta[:, 0], theta[:, 1:]).hermite(network.activation, 3)
        expected = [same[*beta, 0] for beta in network.indices]
        assert network.point(theta) == pytest.approx(expected, rel=1e-12)


def test_methods_take_lists_and_name_what_are_no_neurons():
    network = MultiIndex(TWO, 3)
    rows = [[1.0, 0.5, -1, 2], [0, 1, 1, 1]]
    theta = np.array(rows, dtype=float)
    assert network.loss(rows) == network.loss(theta)
    assert network.loss(np.array(rows[:1], dtype=int)) == network.loss(np.trunc(theta[:1]))
    for name in ("gradient", "point", "overlaps"):
        assert getattr(network, name)(rows).tolist() == getattr(network, name)(theta).tolist()
    for name in ("utility", "utility_gradient"):
        method = getattr(network, name)
        assert method(rows, rows).tolist() == method(theta, theta).tolist()
    basis = np.eye(4).tolist()
    assert network.hessian(rows, basis).tolist() == network.hessian(theta, np.eye(4)).tolist()
    for name in ("loss", "gradient", "point"):
        with pytest.raises(ValueError, match=r"theta has shape \(1, 3\)"):
            getattr(network, name)([[1.0, 2.0, 3.0]])
        with pytest.raises(TypeError, match="theta="):
            getattr(network, name)("a")
