"""Exact solutions of the single neuron: laws, multiple precision, integration, saddles."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from saddles import neuron
from tests.neuron.neurons import condition, magnitudes, starts, weights_of

# Closed form against 60 digits: a few ulp, enlarged by how much the start's escape part c₊ cancels.
EXACT = 2e-14
# Closed form against an integrator held to 1e-13 per step over up to a thousand of its time scales.
INTEGRATED = 1e-11
# Identities between closed forms of moderate size.
IDENTITY = 1e-12
# Central differences with a step of 1e-5: h² and eps/h together.
DIFFERENCED = 1e-8


def in_sixty_digits(beta_star, a0, w0, t) -> tuple[float, np.ndarray]:
    """z(t) = e^{Ft} z₀ / sqrt(1 + ∫|e^{Fs}z₀|² ds), from the eigenvectors of F."""
    with mpmath.workdps(60):
        b, w = [mpmath.mpf(v) for v in beta_star], [mpmath.mpf(v) for v in w0]
        a, t = mpmath.mpf(a0), mpmath.mpf(t)
        size = mpmath.sqrt(sum(v * v for v in b))
        delta = a * a - sum(v * v for v in w)
        rate = mpmath.sqrt(delta**2 + 4 * size**2)
        h = [v / size for v in b]
        along = sum(v * u for v, u in zip(w, h, strict=True))
        across = [v - along * u for v, u in zip(w, h, strict=True)]
        chi = mpmath.atan2(2 * size, delta) / 2
        up = a * mpmath.cos(chi) + along * mpmath.sin(chi)
        down = along * mpmath.cos(chi) - a * mpmath.sin(chi)
        plane = up**2 * mpmath.expm1(rate * t) / rate - down**2 * mpmath.expm1(-rate * t) / rate
        rest = -mpmath.expm1(-delta * t) / delta if delta else t
        norm = mpmath.sqrt(1 + plane + sum(v * v for v in across) * rest)
        up, down = up * mpmath.exp(rate * t / 2), down * mpmath.exp(-rate * t / 2)
        first = up * mpmath.cos(chi) - down * mpmath.sin(chi)
        second = up * mpmath.sin(chi) + down * mpmath.cos(chi)
        shrink = mpmath.exp(-delta * t / 2)
        inputs = [second * u + shrink * v for u, v in zip(h, across, strict=True)]
        return float(first / norm), np.array([float(v / norm) for v in inputs])


def error(first, second) -> float:
    """Largest difference of two neurons, relative to the second's size."""
    size = math.hypot(second[0], float(np.linalg.norm(second[1])))
    return max(abs(first[0] - second[0]), float(np.abs(first[1] - second[1]).max())) / size


# --- exact solution: laws --------------------------------------------------------------------


@given(starts(), magnitudes(-2, 1), magnitudes(-2, 1))
def test_waiting_twice_is_waiting_once(start, first, second):
    flow = neuron.exact(*start)
    assume(condition(flow) < 1e3)
    t, s = first / flow.rate, second / flow.rate
    twice = neuron.exact(start[0], *flow.at(t)).at(s)
    assert error(twice, flow.at(t + s)) < 1e3 * IDENTITY


@given(starts(), magnitudes(-2, 3), st.sampled_from([0.25, 4.0, 64.0]))
def test_scaling_the_target_scales_time_and_weights(start, t, c):
    """b -> c b: time shrinks by c, weights grow by sqrt(c); powers of 4, so that nothing rounds."""
    flow = neuron.exact(*start)
    scaled = neuron.exact(c * start[0], math.sqrt(c) * start[1], math.sqrt(c) * start[2])
    assume(flow.growing != 0)
    a, w = flow.at(t / flow.rate)
    expected = (math.sqrt(c) * a, math.sqrt(c) * w)
    assert error(scaled.at(t / flow.rate / c), expected) < IDENTITY


@given(starts(), magnitudes(-3, 6))
def test_delta_is_conserved(start, t):
    flow = neuron.exact(*start)
    a, w = flow.at(t / flow.rate)
    assert abs(neuron.conserved(a, w) - flow.delta) <= EXACT * condition(flow) ** 2 * (
        a**2 + w @ w + start[1] ** 2 + start[2] @ start[2]
    )


@given(starts())
def test_the_flow_starts_at_its_start_and_ends_at_the_target(start):
    flow = neuron.exact(*start)
    assert error(flow.at(0.0), start[1:]) < IDENTITY
    assume(condition(flow) < 1e6)
    assert np.allclose(flow.beta(math.inf), start[0], rtol=0, atol=1e-9 * np.abs(start[0]).max())
    assert np.sign(flow.at(math.inf)[0]) == np.sign(flow.growing)


@given(starts(), magnitudes(-2, 1))
def test_norm_and_angle_obey_bernoulli_and_riccati(start, t):
    """mu' = s (phi B − mu), phi' = a B (1 − phi²)/|w|, by central differences."""
    flow = neuron.exact(*start)
    assume(condition(flow) < 1e2)
    t, size = t / flow.rate, np.linalg.norm(start[0])
    a, w = flow.at(t)
    mu, phi = flow.mu(t), flow.phi(t)
    total = math.hypot(flow.delta, 2 * mu)
    h = 1e-5 / (flow.rate + total)
    radial = (flow.mu(t + h) - flow.mu(t - h)) / (2 * h)
    turning = (flow.phi(t + h) - flow.phi(t - h)) / (2 * h)
    # Third derivatives of mu are of the order of rate² × what moves it, plus rounding of mu/h.
    scale = flow.rate * (total + flow.rate + abs(start[1]) ** 2 + start[2] @ start[2])
    assert abs(radial - total * (phi * size - mu)) < DIFFERENCED * scale
    if np.linalg.norm(w) > 1e-2 * abs(a):
        expected = a / np.linalg.norm(w) * size * (1 - phi**2)
        assert abs(turning - expected) < 1e4 * DIFFERENCED * flow.rate


# --- exact solution: oracles -----------------------------------------------------------------


@given(starts(), magnitudes(-3, 6))
def test_exact_solution_has_all_its_digits(start, t):
    flow = neuron.exact(*start)
    t = t / flow.rate
    assert error(flow.at(t), in_sixty_digits(*start, t)) < EXACT * condition(flow)


@given(starts(), st.sampled_from([1.0, 1e3]))
def test_slow_directions_have_all_their_digits(start, t):
    """Times of the slow rate, up to 1e12 times longer than those of the fast one."""
    flow = neuron.exact(*start)
    t = t / flow.gap
    assert error(flow.at(t), in_sixty_digits(*start, t)) < EXACT * condition(flow)


@given(starts(), magnitudes(-2, 3))
def test_exact_solution_against_a_tight_integration(start, t):
    flow = neuron.exact(*start)
    assume(condition(flow) < 1e2)
    b, t = start[0], t / flow.rate

    def velocity(_t, z):
        slope = b - z[0] * z[1:]
        return np.append(z[1:] @ slope, z[0] * slope)

    z0 = np.append(start[1], start[2])
    atol = 1e-14 * min(np.linalg.norm(z0), math.sqrt(flow.rate))
    run = solve_ivp(velocity, (0, t), z0, method="DOP853", rtol=1e-13, atol=atol)
    z = run.y[:, -1]
    assert error(flow.at(t), (z[0], z[1:])) < INTEGRATED * condition(flow)


@pytest.mark.parametrize("delta", [-1e3, -1.0, -1e-12, 0.0, 1e-12, 1.0, 1e3])
@pytest.mark.parametrize("cosine", [-1.0, 0.0, 1.0])
def test_no_time_overflows_and_nothing_warns(delta, cosine):
    a0, w0 = weights_of(0.3 * np.array([cosine, math.sqrt(1 - cosine**2)]), delta)
    flow = neuron.exact([1.0, 0.0], a0, w0)
    times = np.array([0.0, 5e-324, 1e-300, 1.0, 1e6, 1e300, 1.7e308, math.inf])
    a, w = flow.at(times)
    for values in (a, w, flow.beta(times), flow.mu(times), flow.kernel_distance(times)):
        assert np.isfinite(values).all()
    assert (np.abs(flow.phi(times)[w.any(axis=1)]) <= 1 + IDENTITY).all()
    assert flow.kernel_distance(0.0) < IDENTITY**2


def test_vectorised_in_time():
    flow = neuron.exact([1.0, 2.0], -0.5, [2.0, 1.0])
    times = [0.0, 0.3, 7.0]
    a, w = flow.at(times)
    assert a.shape == (3,)
    assert w.shape == (3, 2)
    assert flow.beta(times).shape == (3, 2)
    for i, t in enumerate(times):
        assert flow.at(t)[0] == a[i]
        assert (flow.at(t)[1] == w[i]).all()
        for method in (flow.mu, flow.phi, flow.loss, flow.kernel_distance):
            assert isinstance(method(t), float)
            assert method(times)[i] == method(t)


def test_a_zero_target_is_an_exponential_without_exponentials():
    """B = 0, δ = 0: a² = a0²/(1 + 2 a0² t)."""
    flow = neuron.exact([0.0, 0.0], 2.0, [0.0, 2.0])
    t = np.array([0.0, 1.0, 1e8])
    assert np.allclose(flow.at(t)[0], 2 / np.sqrt(1 + 8 * t), rtol=IDENTITY)
    assert flow.at(math.inf)[0] == 0
    assert math.isnan(flow.phi(1.0))


def test_the_first_moments_keep_their_digits():
    """From a = 0, a = w·b t to first order, however short t is."""
    flow = neuron.exact([1.0, 0.0], 0.0, [0.5, 2.0])
    for t in (1e-9, 1e-12, 1e-100):
        assert math.isclose(flow.at(t)[0], 0.5 * t, rel_tol=10 * t + EXACT)


# --- saddles ---------------------------------------------------------------------------------


def test_a_passes_through_zero_once_when_the_sign_rule_says_so():
    rng = np.random.default_rng(0)
    crossings = 0
    for _ in range(200):
        flow = neuron.exact(rng.normal(size=3), rng.normal(), 2 * rng.normal(size=3))
        a = flow.at(np.linspace(0, 20, 400))[0]
        changes = int(np.sum(np.sign(a[1:]) != np.sign(a[:-1])))
        if math.isnan(flow.zero_time) or flow.delta > 0:
            assert changes == 0
        else:
            crossings += 1
            assert abs(flow.at(flow.zero_time)[0]) < EXACT
            assert changes == 1
            assert flow.growing * flow.a0 < 0
    assert crossings > 30


def test_w_passes_through_zero_if_delta_is_positive_and_w_opposes_the_target():
    flow = neuron.exact([1.0, 0.0], 2.0, [-1.0, 0.0])
    assert abs(flow.at(flow.zero_time)[1]).max() < EXACT
    assert flow.phi([0.0, 1.0]).tolist() == [-1.0, 1.0]


@pytest.mark.parametrize("delta", [-20.0, -40.0, -80.0])
def test_delay_is_the_time_of_the_delayed_drop(delta):
    """Half of the drop is done at `delay`, up to (B/δ)²: the error falls by 4 when δ doubles."""
    across = math.sqrt(-delta)
    flow = neuron.exact([1.0, 0.0], 1e-7, [0.0, across])
    halfway = flow.beta(flow.delay)[0]
    assert abs(halfway - 0.5) < 2 / delta**2
    assert flow.delay * flow.gap > 10


def half_time(beta0, delta) -> float:
    """First time with a loss below 1/4, for the target (1, 0), in 600 digits."""
    with mpmath.workdps(600):
        x, y = map(mpmath.mpf, beta0)
        norm = x * x + y * y
        root = mpmath.sqrt(mpmath.mpf(delta) ** 2 + 4 * norm)
        square = (root + delta) / 2 if delta >= 0 else 2 * norm / (root - delta)
        a = mpmath.sqrt(square)
        rate, chi = mpmath.sqrt(mpmath.mpf(delta) ** 2 + 4), mpmath.atan2(2, delta) / 2
        cos, sin, p, q = mpmath.cos(chi), mpmath.sin(chi), x / a, y / a
        up, down = a * cos + p * sin, p * cos - a * sin

        def loss(t):
            plane = up**2 * mpmath.expm1(rate * t) / rate
            plane -= down**2 * mpmath.expm1(-rate * t) / rate
            rest = -mpmath.expm1(-delta * t) / delta if delta else t
            u, d = up * mpmath.exp(rate * t / 2), down * mpmath.exp(-rate * t / 2)
            size = 1 + plane + q * q * rest
            first = (u * cos - d * sin) * (u * sin + d * cos) / size
            second = (u * cos - d * sin) * mpmath.exp(-delta * t / 2) * q / size
            return ((first - 1) ** 2 + second**2) / 2

        low, high = mpmath.mpf(0), mpmath.mpf(1)
        while loss(high) >= 0.25:
            low, high = high, 2 * high
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (low, middle) if loss(middle) < 0.25 else (middle, high)
        return float(high)


@pytest.mark.parametrize(
    ("beta", "known"), [(1e-3, 32.03), (2e-3, 33.07), (5e-3, 34.45), (0.1, 38.99), (0.3, 40.72)]
)
def test_delays_of_balanced_starts_that_are_almost_opposite(beta, known):
    regime = neuron.regime(0.0, beta0=[-beta, 1e-9], beta_star=[1.0, 0.0])
    assert regime.delay == pytest.approx(known, abs=0.005)
    assert regime.delay == pytest.approx(half_time([-beta, 1e-9], 0.0), rel=EXACT)


@settings(max_examples=25)
@given(
    delta=st.sampled_from([0.0, 1e-12, -1e-12, 1e-3, -1.0, -20.0]),
    along=magnitudes(-6, -0.5),
    across=magnitudes(-60, -4),
)
def test_delays_have_all_their_digits(delta, along, across):
    regime = neuron.regime(delta, beta0=[-along, across], beta_star=[1.0, 0.0])
    if regime.delay:
        assert regime.delay == pytest.approx(half_time([-along, across], delta), rel=1e-10)
    else:
        assert delta < -1


def test_delays_beyond_what_squares_of_floats_can_hold():
    """c₊ = 1e-400: neither it nor its square is a float64."""
    regime = neuron.regime(0.0, beta0=[-0.1, 1e-200], beta_star=[1.0, 0.0])
    assert regime.delay == pytest.approx(half_time([-0.1, 1e-200], 0.0), rel=EXACT)


def test_a_point_exactly_opposite_never_leaves_the_saddle():
    regime = neuron.regime(0.0, beta0=[-0.1, 0.0], beta_star=[1.0, 0.0])
    assert regime.delay == math.inf
    for delta in (1e-12, -1e-12):  # beta passes through zero, on a line
        leaves = neuron.regime(delta, beta0=[-0.1, 0.0], beta_star=[1.0, 0.0])
        assert leaves.delay == pytest.approx(half_time([-0.1, 0.0], delta), rel=EXACT)


def test_a_start_on_the_stable_line_ends_at_the_saddle():
    flow = neuron.exact([1.0, 0.0], 1.0, [-1.0, 0.0])
    assert flow.growing == 0
    decay = math.exp(-200.0)
    assert math.isclose(flow.at(100.0)[0] ** 2, decay / (2 - decay), rel_tol=EXACT)
    assert not flow.beta(math.inf).any()
