"""The single neuron: function space, kernel, integrated flow, its real end, regimes."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from saddles import Regression, Status, implicit_bias, neuron
from saddles.neuron import Exclusion
from tests.neuron.neurons import condition, starts, weights_of

# Ends of integrated flows against their closed form.
END = 1e-9
# Drift of a² − |w|² along integrated flows, relative to a² + |w|².
DRIFT = 1e-10
# Identities between closed forms of moderate size.
IDENTITY = 1e-12


# --- function space --------------------------------------------------------------------------


def test_kernel_is_the_gram_matrix_of_the_gradients_and_x_m_xt():
    rng = np.random.default_rng(1)
    X, a, w = rng.normal(size=(4, 3)), -0.7, rng.normal(size=3)
    jacobian = np.column_stack([X @ w, a * X])
    K = neuron.kernel(X, a, w)
    M = neuron.preconditioner(a * w, neuron.conserved(a, w))
    assert np.allclose(K, jacobian @ jacobian.T, rtol=0, atol=IDENTITY)
    assert np.allclose(K, X @ M @ X.T, rtol=0, atol=IDENTITY)


@given(starts())
def test_preconditioner_is_a_function_of_beta_and_delta(start):
    _, a, w = start
    M = neuron.preconditioner(a * w, neuron.conserved(a, w))
    assert np.allclose(M, a**2 * np.eye(3) + np.outer(w, w), rtol=0, atol=IDENTITY * (a**2 + w @ w))


def test_kernel_distance_along_a_trajectory_on_whitened_inputs():
    rng = np.random.default_rng(2)
    X = np.linalg.qr(rng.normal(size=(6, 3)))[0]
    flow = neuron.exact(rng.normal(size=3), 0.3, rng.normal(size=3))
    times = np.array([0.0, 1e-4, 1.0, 50.0])
    kernels = neuron.kernel(X, *flow.at(times))
    naive = [
        1 - np.sum(kernels[0] * K) / np.linalg.norm(kernels[0]) / np.linalg.norm(K) for K in kernels
    ]
    assert np.allclose(neuron.kernel_distance(kernels[0], kernels), naive, rtol=0, atol=IDENTITY)
    assert np.allclose(flow.kernel_distance(times), naive, rtol=0, atol=IDENTITY)


def test_small_kernel_distances_keep_their_digits():
    """The distance falls like t², a factor of 100 for each factor of 10, down to 1e-20."""
    flow = neuron.exact([1.0, 0.5], 0.3, [0.2, -0.4])
    distances = flow.kernel_distance([1e-8, 1e-9, 1e-10])
    assert np.allclose(distances[:-1] / distances[1:], 100, rtol=1e-4)


@given(starts(), st.integers(0, 100))
def test_speeds_are_the_parts_of_the_preconditioned_gradient(start, seed):
    _, a, w = start
    beta, delta = a * w, neuron.conserved(a, w)
    gradient = np.random.default_rng(seed).normal(size=3)
    velocity = -neuron.preconditioner(beta, delta) @ gradient
    speeds = neuron.speeds(beta, delta, gradient)
    norm = np.linalg.norm(beta)
    recomposed = speeds.radial * beta / norm + norm * speeds.directional
    assert np.allclose(velocity, recomposed, rtol=0, atol=IDENTITY * (a**2 + w @ w))
    assert abs(speeds.directional @ beta) <= IDENTITY * norm * (1 + speeds.directional_factor)


def whitened(rng, n, d):
    """Features with XᵀX = n I, for which the mean loss is |β − β*|²/2 up to a constant."""
    return math.sqrt(n) * np.linalg.qr(rng.normal(size=(n, d)))[0]


@pytest.mark.parametrize("delta", [-30.0, -1.0, 0.0, 1.0, 30.0])
def test_function_space_flow_is_the_exact_solution_on_whitened_inputs(delta):
    rng = np.random.default_rng(3)
    X, beta_star, beta0 = whitened(rng, 5, 3), rng.normal(size=3), rng.normal(size=3)
    flow = neuron.function_space_flow(X, X @ beta_star, beta0=beta0, delta=delta)
    exact = neuron.exact(beta_star, *weights_of(beta0, delta))
    times = np.linspace(0, flow.until, 50)
    assert flow.physical_times(times).tolist() == times.tolist()
    assert np.abs(flow.at(times) - exact.beta(times)).max() < END
    assert np.abs(flow.loss(times) - exact.loss(times)).max() < END


def random_problem(seed):
    """Data of every rank, attainable targets, and an initial point."""
    rng = np.random.default_rng(seed)
    n, d = rng.integers(1, 6), rng.integers(1, 7)
    rank = rng.integers(1, min(n, d) + 1)
    X = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, d))
    return X, X @ rng.normal(size=d), rng.normal(size=d) * 10.0 ** rng.uniform(-2, 0.5)


DELTAS = (-1e3, -30.0, -1.0, -1e-3, 0.0, 1e-3, 1.0, 30.0, 1e3)


@pytest.mark.parametrize("delta", DELTAS)
@pytest.mark.parametrize("seeds", [range(5), pytest.param(range(5, 40), marks=pytest.mark.slow)])
def test_flows_conserve_delta_and_end_where_limit_says(delta, seeds):
    for seed in seeds:
        X, y, beta0 = random_problem(seed)
        flow = neuron.function_space_flow(X, y, beta0=beta0, delta=delta)
        a0, w0 = weights_of(beta0, delta)
        end = neuron.limit(X, y, a0=a0, w0=w0)
        assert flow.conservation < DRIFT
        if not end.success:
            assert delta == 0
            assert flow.status is Status.UNDECIDED
            continue
        assert flow.status is Status.CONVERGED
        assert end.success
        assert np.abs(flow.at(flow.until) - end.beta).max() < END * np.abs(end.beta).max()
        if end.applies:
            closed = implicit_bias.single_neuron(X, y, beta0=beta0, delta=delta).beta
            assert np.abs(closed - end.beta).max() < 1e-11 * np.abs(end.beta).max()
        assert set(end.excluded) <= {Exclusion.PASSES_THROUGH_ZERO}


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("size", [1e4, 1e8, 1e12])
@pytest.mark.parametrize("beta0", [[0.3, -0.2, 0.1], [1e-3, 2e-3, 0.0], [-0.1, -0.05, 0.03]])
def test_function_space_flow_far_from_balance(sign, size, beta0):
    """All the way, not at the end only: a and w are of sizes that differ by |δ|."""
    X, beta_star = math.sqrt(3) * np.eye(3), np.array([1.0, 0.5, -0.3])
    flow = neuron.function_space_flow(X, X @ beta_star, beta0=beta0, delta=sign * size)
    assert flow.status is Status.CONVERGED
    times = np.linspace(0, flow.until, 40)
    exact = neuron.exact(beta_star, *weights_of(np.array(beta0), sign * size))
    assert np.abs(flow.at(times) - exact.beta(times)).max() < 1e-11
    assert flow.conservation < 1e-11


@pytest.mark.parametrize("direction", [[1.0, 0.0], [0.6, 0.8], [0.1, 0.7]])
@pytest.mark.parametrize("size", [0.1, 0.3, 1.0, 2.7])
def test_the_end_of_a_start_exactly_opposite_is_never_a_matter_of_rounding(direction, size):
    target = np.array(direction)
    X = math.sqrt(2) * np.eye(2)
    flow = neuron.function_space_flow(X, X @ target, beta0=-size * target, delta=0.0)
    assert flow.status is Status.UNDECIDED
    assert np.linalg.norm(flow.at(flow.until)) < 1e-9
    a0, w0 = weights_of(-size * target, 0.0)
    exact = neuron.exact(target, a0, w0)
    end = neuron.limit(X, X @ target, a0=a0, w0=w0)
    # The weights' own rounding sends them somewhere, if they are not exactly balanced.
    assert (end.a == 0) == (not exact.beta(math.inf).any()) or not end.success
    assert end.success == (end.excluded == (Exclusion.ENDS_AT_SADDLE,))


@pytest.mark.parametrize("delta", [-3.0, 0.0, 3.0])
def test_function_space_flow_obeys_its_equation(delta):
    X, y, beta0 = random_problem(5)
    problem = Regression(X, y)
    flow = neuron.function_space_flow(problem, beta0=beta0, delta=delta, until=1.0)
    assert flow.status is Status.UNTIL_REACHED
    assert flow.until == 1.0
    for t in (0.1, 0.5, 0.9):
        h = 1e-5
        beta = flow.at(t)
        velocity = -neuron.preconditioner(beta, delta) @ problem.gradient(beta)
        measured = (flow.at(t + h) - flow.at(t - h)) / (2 * h)
        assert np.abs(measured - velocity).max() < 1e-6 * (1 + np.abs(velocity).max())
        assert math.isclose(flow.loss(t), problem.loss(beta), rel_tol=1e-9)
        assert math.isclose(flow.loss_rate(t), velocity @ problem.gradient(beta), rel_tol=1e-9)


# --- where it really ends --------------------------------------------------------------------


def followed(X, y, a0, w0, t):
    """Weights after time t of the flow of the sum loss, integrated without any theory."""

    def velocity(_t, z):
        slope = X.T @ (y - X @ (z[0] * z[1:]))
        return np.append(z[1:] @ slope, z[0] * slope)

    start = np.append(a0, w0)
    run = solve_ivp(velocity, (0, t), start, method="LSODA", rtol=1e-12, atol=1e-13)
    return run.y[0, -1] * run.y[1:, -1]


def test_a_flow_through_zero_ends_at_the_limit_and_not_at_the_theorem_s_minimiser():
    rng = np.random.default_rng(4)
    through = 0
    for _ in range(60):
        X = rng.normal(size=(2, 4))
        y, w0, a0 = X @ rng.normal(size=4), 1.5 * rng.normal(size=4), 0.3 * rng.normal()
        end = neuron.limit(X, y, a0=a0, w0=w0)
        if Exclusion.PASSES_THROUGH_ZERO not in end.excluded:
            continue
        through += 1
        assert not end.applies
        assert end.a * a0 < 0
        assert np.abs(followed(X, y, a0, w0, 400.0) - end.beta).max() < END
        delta = neuron.conserved(a0, w0)
        wrong = implicit_bias.single_neuron(X, y, beta0=a0 * w0, delta=delta).beta
        assert np.abs(wrong - end.beta).max() > 1e-2
    assert through >= 10


@given(starts())
def test_sign_of_the_end_is_that_of_the_escape_part_on_whitened_inputs(start):
    beta_star, a0, w0 = start
    flow = neuron.exact(*start)
    assume(condition(flow) < 1e3)
    end = neuron.limit(np.eye(3), beta_star, a0=a0, w0=w0)
    assert end.success
    assert np.sign(end.a) == np.sign(flow.growing)
    passes = Exclusion.PASSES_THROUGH_ZERO in end.excluded
    assert passes == (not math.isnan(flow.zero_time))


X1, Y1 = [[1.0, 0.0]], [2.0]
EXCLUDED = {
    "a starts at zero": (X1, Y1, 0.0, [-1.0, 3.0], (Exclusion.STARTS_AT_ZERO,)),
    "w starts at zero": (X1, Y1, 2.0, [0.0, 0.0], (Exclusion.STARTS_AT_ZERO,)),
    "starts at a saddle": (
        X1,
        Y1,
        0.0,
        [0.0, 3.0],
        (Exclusion.STARTS_AT_ZERO, Exclusion.ENDS_AT_SADDLE),
    ),
    "starts at the origin": (
        X1,
        Y1,
        0.0,
        [0.0, 0.0],
        (Exclusion.STARTS_AT_ZERO, Exclusion.ENDS_AT_SADDLE),
    ),
    "balanced, opposed": (X1, Y1, 1.0, [-1.0, 0.0], (Exclusion.ENDS_AT_SADDLE,)),
    "a passes": (X1, Y1, -0.1, [1.0, 1.0], (Exclusion.PASSES_THROUGH_ZERO,)),
    "w passes": (X1, Y1, 2.0, [-1.0, 0.0], (Exclusion.PASSES_THROUGH_ZERO,)),
    "infeasible": ([[1.0, 0.0]] * 2, [2.0, 1.0], 1.0, [1.0, 1.0], (Exclusion.INFEASIBLE,)),
    "infeasible, a passes": (
        [[1.0, 0.0]] * 2,
        [2.0, 1.0],
        -0.1,
        [1.0, 1.0],
        (Exclusion.PASSES_THROUGH_ZERO, Exclusion.INFEASIBLE),
    ),
}


@pytest.mark.parametrize("case", EXCLUDED)
def test_excluded_cases_are_named_and_answered(case):
    X, y, a0, w0, reasons = EXCLUDED[case]
    end = neuron.limit(X, y, a0=a0, w0=w0)
    assert end.excluded == reasons
    assert not end.applies
    assert all(reason.value in end.message for reason in reasons)
    reached = followed(np.array(X), np.array(y), a0, np.array(w0), 60.0)
    assert np.abs(reached - end.beta).max() < END


def test_a_start_on_a_saddle_s_stable_manifold_is_undecided():
    """c₊ = 0 to rounding with δ < 0: the end is one of two points, or the saddle."""
    b, a0, p0 = 1.0, -0.9, 0.3
    # c₊ = a0 cosχ + p0 sinχ = 0 with tan 2χ = 2B/δ: choose q such that it holds.
    chi = math.atan2(-a0, p0)
    delta = 2 * b / math.tan(2 * chi)
    q = math.sqrt(a0**2 - p0**2 - delta)
    end = neuron.limit(np.eye(2), [b, 0.0], a0=a0, w0=[p0, q])
    assert end.excluded == (Exclusion.UNDECIDED,)
    assert not end.success
    assert np.isnan(end.beta).all()
    assert math.isnan(end.a)
    nearby = neuron.limit(np.eye(2), [b, 0.0], a0=a0 + 1e-5, w0=[p0, q])
    assert nearby.success
    assert (nearby.beta == nearby.branches[1]).all()


def test_targets_that_x_does_not_see_leave_a_minimum_at_zero():
    end = neuron.limit([[1.0, 0.0]], [0.0], a0=0.5, w0=[2.0, 0.5])
    assert end.applies
    assert not end.beta.any()
    end = neuron.limit([[1.0, 0.0]], [0.0], a0=0.5, w0=[0.1, 0.5])
    reached = followed(np.array([[1.0, 0.0]]), np.zeros(1), 0.5, np.array([0.1, 0.5]), 500.0)
    assert np.abs(reached - end.beta).max() < END


# --- regimes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delta", "beta0", "name"),
    [
        (50.0, [0.0, 0.1], "lazy"),
        (0.0, [0.0, 0.01], "rich"),
        (-50.0, [0.0, 0.1], "delayed rich"),
        (-50.0, [0.1, 0.0], "lazy"),
        (0.0, [0.0, 1.0], "intermediate"),
    ],
)
def test_regimes_of_the_talk(delta, beta0, name):
    report = neuron.regime(delta, beta0=beta0, beta_star=[1.0, 0.0])
    assert report.name == name
    assert report.message in str(report)
    assert report.imbalance == delta / 2


def test_time_scales_of_the_talk():
    """Radial: |δ|, 2|β|, δ. Directional: |β|/|δ|, 1, δ/|β|. Up to (β/δ)² for δ far from 0."""
    beta, large = np.array([0.0, 0.1]), 1e4
    slow, even, fast = (
        neuron.regime(delta, beta0=beta, beta_star=[1.0, 0.0]) for delta in (-large, 0.0, large)
    )
    assert np.allclose([slow.radial[0], even.radial[0], fast.radial[0]], [large, 0.2, large])
    factors = [slow.directional[0], even.directional[0], fast.directional[0]]
    assert np.allclose(factors, [0.1 / large, 1.0, large / 0.1])


def test_final_rates_are_those_of_the_flow():
    """Near its end, beta tends to beta_star at the rate of the norm, or of the direction."""
    for delta in (-8.0, 0.0, 8.0):
        report = neuron.regime(delta, beta0=[0.3, 0.4], beta_star=[1.0, 0.0])
        flow = neuron.exact([1.0, 0.0], *weights_of(np.array([0.3, 0.4]), delta))
        t = 12 / report.rates[1]
        across = flow.beta([t, 2 * t])[:, 1]
        assert math.isclose(math.log(across[0] / across[1]) / t, report.rates[1], rel_tol=1e-4)


# --- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: neuron.exact([1.0], math.nan, [1.0]), "a0=nan"),
        (lambda: neuron.exact([1.0], 1.0, [1.0, 2.0]), "one entry per feature"),
        (lambda: neuron.exact([1.0], 1.0, [1.0]).at(-1.0), "t=-1.0"),
        (lambda: neuron.exact([1.0], 1.0, [1.0]).at([[1.0]]), "shape"),
        (lambda: neuron.preconditioner([0.0], -1.0), "direction"),
        (lambda: neuron.speeds([0.0], 1.0, [1.0]), "zero"),
        (lambda: neuron.kernel([[1.0]], 1.0, [1.0, 2.0]), "column"),
        (lambda: neuron.kernel_distance([[0.0]], [[1.0]]), "zero kernel"),
        (lambda: neuron.function_space_flow([[1.0]], [1.0], beta0=[0.0], delta=-1.0), "direction"),
        (lambda: neuron.function_space_flow([[1.0]], [1.0], beta0=[0.0], delta=0.0), "stay there"),
        (
            lambda: neuron.function_space_flow([[1.0]], [1.0], beta0=[1.0], delta=0.0, rtol=1),
            "rtol",
        ),
        (lambda: neuron.regime(1.0, beta0=[1.0], beta_star=[0.0]), "nothing is learnt"),
        (lambda: neuron.limit([[1.0]], [1.0], a0=math.inf, w0=[1.0]), "a0=inf"),
    ],
)
def test_errors_name_the_value_and_the_rule(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("size", [1e-5, 1e-12, 1e-17, 1e-150])
def test_a_small_equation_is_met_as_well_as_a_large_one(size):
    """Which multiple of an equation is given changes neither the end nor the minimiser."""
    X, y, w0 = [[1.0, 0.0, 0.5], [0.0, size, 0.0]], [1.0, size], np.array([0.1, 0.2, -0.1])
    end = neuron.limit(X, y, a0=0.5, w0=w0)
    minimum = implicit_bias.single_neuron(X, y, beta0=0.5 * w0, delta=0.25 - w0 @ w0)
    assert end.applies
    np.testing.assert_allclose(end.beta, minimum.beta, rtol=1e-12)
    np.testing.assert_allclose(X @ end.beta, y, rtol=1e-12)
