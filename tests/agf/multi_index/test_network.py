"""The population's loss: against samples, in fewer dimensions, and what is refused."""

import math

import numpy as np
import pytest

from reference import multi_index as reference
from saddles.agf import HermiteTarget, MultiIndex, multi_index, single_index
from saddles.agf._multi_index.activation import NAMED
from saddles.flow import neurons

#: Standard errors that a mean may be off, for each of a handful of seeded samples.
SIGMAS = 4.0

CURVED = HermiteTarget({(2, 1): 1.0, (1, 0): 0.2, (0, 2): 0.4})
TWO = HermiteTarget.teacher([1.0, 1.0], np.eye(2))


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


def test_teachers_have_the_hermite_coefficients_of_their_samples():
    rows = np.array([[1.0, 0.5], [0.0, -2.0]])
    target, activation = HermiteTarget.teacher([1.0, 2.0], rows), NAMED["relu2"]
    known = target.hermite(activation, 3)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    z = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    mass = np.multiply.outer(weights, weights).ravel() / weights.sum() ** 2
    y = target.values(z, activation)
    for beta, value in known.items():
        He = [np.polynomial.hermite_e.hermeval(z[:, i], np.eye(4)[e]) for i, e in enumerate(beta)]
        size = math.prod(map(math.factorial, beta))
        # The kinks limit plain quadrature.
        assert value == pytest.approx(mass @ (y * He[0] * He[1]) / size, abs=2e-2)


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
        (lambda: MultiIndex(TWO, covariance=np.eye(2)).reduced(np.ones((1, 3))), "leave cov"),
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
