"""Steps of the dual path, and certificates that see what is wrong with a state."""

import numpy as np
import pytest

from saddles._diagonal.certified import saddles
from saddles._diagonal.dual_path import cost, jump, start, utility
from saddles._diagonal.pesme_flammarion import _network
from saddles._problems.door import ready
from saddles.alternation import Ring

#: Rounding of a certificate.
FINE = 1e-13


def problem(seed=0, n=20, d=30):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, X[:, :4] @ [3.0, -2, 1, 1] + rng.standard_normal(n)


def steps(network):
    """Yield each ring with the state before it and the one after."""
    state = start(network)
    while isinstance(ring := utility(network, state), Ring):
        after = cost(network, jump(network, state, ring))
        yield state, ring, after
        state = after


@pytest.mark.parametrize("boundaries", [None, (2.0, 1.0), (np.inf, 0.5)])
def test_a_clock_rings_at_the_speed_with_which_its_coefficient_is_pushed(boundaries):
    X, y = problem()
    network = _network(ready(X, y), boundaries)
    residual = network.data.y
    for _, ring, after in steps(network):
        speed = residual @ network.data.X[:, ring.units] / network.data.norms[ring.units]
        assert ring.pace == pytest.approx(np.abs(speed), rel=1e-10)
        assert np.sign(ring.goals).tolist() == np.sign(speed).tolist()
        residual = after.fit.residual.copy()


def some_state(network, jumps=8):
    """Return a state in the middle of the path."""
    return [after for _, _, after in steps(network)][jumps - 1]


@pytest.fixture
def network():
    X, y = problem(1)
    return _network(ready(X, y), None)


def test_a_right_state_has_a_certificate_and_several_have_theirs(network):
    states = [start(network), *(after for _, _, after in steps(network))]
    together = [saddle.certificate for saddle in saddles(network, states)]
    apart = [saddles(network, [state])[0].certificate for state in states]
    for found, alone in zip(together, apart, strict=True):
        assert found.holds(FINE)
        assert alone.holds(FINE)


def test_coefficients_that_are_not_stationary_show(network):
    state = some_state(network)
    wrong = state._replace(values=1.01 * state.values)
    assert saddles(network, [wrong])[0].certificate.stationarity > 1e-4


def test_coefficients_of_the_wrong_sign_show_as_such(network):
    """By as much as the coefficient has the wrong sign."""
    state = some_state(network)
    values = state.values.copy()
    values[2] *= -1
    certificate = saddles(network, [state._replace(values=values)])[0].certificate
    size = abs(values[2] * state.sides[2]) / network.data.target_norm
    assert certificate.violation == pytest.approx(size)


def test_clocks_that_are_not_at_their_boundaries_show(network):
    state = some_state(network)
    wrong = state._replace(dual=1.01 * state.dual)
    certificate = saddles(network, [wrong])[0].certificate
    goals = 1 / np.abs(state.sides)
    drift = 0.01 * goals / np.maximum(goals, np.abs(wrong.dual).max())
    assert certificate.violation == pytest.approx(drift.max(), rel=1e-6)
    assert certificate.stationarity < FINE


def test_candidates_that_should_have_moved_show(network):
    state = some_state(network)
    values = state.values.copy()
    values[0] = 0.0
    certificate = saddles(network, [state._replace(values=values)])[0].certificate
    data, index = network.data, state.candidates[0]
    used = state.candidates[values != 0]
    rest = data.y - data.X[:, used] @ values[values != 0]
    push = rest @ data.X[:, index] / state.sides[0] / data.target_norm
    assert certificate.violation == pytest.approx(push)
    assert push > 1e-3
