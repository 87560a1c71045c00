"""Modular addition: closed forms against brute force, Theorem 6.2, levels, the paper's example."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

import saddles
from reference import modular_addition as reference
from saddles import Status
from saddles.agf import ModularAddition, modular_addition
from saddles.agf._engine import active
from saddles.homogeneous import HomogeneousNetwork
from tables.modular_ladder import sixes

#: Sums of p^3 products of a few random numbers, in two orders.
ROUNDING = 1e-12
#: How well the infimum of a creeping loss is extrapolated, relative to the first loss.
CREEP = 1e-5


def template(p, amplitudes, phases=None):
    """A centred template with |x̂_k| = amplitudes[k]."""
    spectrum = np.zeros(p // 2 + 1, dtype=complex)
    for k, size in amplitudes.items():
        spectrum[k] = size * np.exp(1j * (phases or {}).get(k, 0.0))
    return np.fft.irfft(spectrum, p)


def published():
    """p = 20, spectrum 10, 5, 2.5 at k = 1, 3, 5."""
    return template(20, {1: 10.0, 3: 5.0, 5: 2.5})


@pytest.mark.parametrize("grid", [0, 32**3])
@given(
    p=st.integers(3, 7),
    h=st.integers(0, 3),
    a=st.integers(0, 2),
    centred=st.booleans(),
    seed=st.integers(0, 99),
)
def test_loss_utility_and_gradients_are_those_of_all_pairs(grid, p, h, a, centred, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("saddles.agf._groups.composition.GRID", grid)
        check_all_pairs(p, h, a, centred, seed)


def check_all_pairs(p, h, a, centred, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(p)
    x = x - x.mean() if centred else x + 0.3
    network, theta = ModularAddition(x), rng.standard_normal((h, 3 * p))
    active = rng.standard_normal((a, 3 * p))
    assert isinstance(network, HomogeneousNetwork)
    assert network.loss(theta) == pytest.approx(reference.loss(x, theta), rel=ROUNDING)
    expected = [reference.utility(x, row, active) for row in theta]
    scale = max(map(abs, expected), default=1.0) + reference.loss(x, active)
    assert network.utility(theta, active) == pytest.approx(expected, abs=ROUNDING * scale)
    exact = reference.gradient(x, theta)
    scale = np.abs(exact).max(initial=1.0)
    assert network.gradient(theta) == pytest.approx(exact, abs=ROUNDING * scale)
    learnt = np.mean(
        [
            np.roll(f, -i - j)
            for i, row in enumerate(reference.network(x, theta))
            for j, f in enumerate(row)
        ],
        axis=0,
    )
    assert network.point(theta) == pytest.approx(learnt, abs=ROUNDING * (1 + np.abs(learnt).max()))


@pytest.mark.parametrize("centred", [True, False])
def test_second_derivatives_are_those_of_the_gradient(centred):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(6)
    network = ModularAddition(x - x.mean() if centred else x)
    theta, basis = rng.standard_normal((3, 18)), np.linalg.qr(rng.standard_normal((18, 4)))[0]
    inside = network.within(theta, basis)
    hessian = inside.hessian(np.zeros(12))
    z = rng.standard_normal((3, 4))
    moved = theta + z @ basis.T
    assert inside.loss(z.ravel()) == pytest.approx(network.loss(moved), rel=ROUNDING)
    slope = (network.gradient(moved) @ basis).ravel()
    assert inside.gradient(z.ravel()) == pytest.approx(slope, abs=ROUNDING * np.abs(slope).max())
    step = 1e-5
    for index in range(12):
        move = np.zeros((3, 4))
        move.flat[index] = step
        ahead, behind = (network.gradient(theta + sign * move @ basis.T) for sign in (1, -1))
        column = ((ahead - behind) @ basis).ravel() / (2 * step)
        assert hessian[index] == pytest.approx(column, abs=1e-8 * np.abs(hessian).max())


@pytest.mark.parametrize(("p", "first", "mean"), [(7, 1, 0.3), (7, 1, 1.0), (8, 4, 0.3)])
def test_no_unit_neuron_has_more_utility_than_the_bounds_and_one_attains_them(p, first, mean):
    """Beside a mean, where the best neuron's output is partly constant."""
    network, none = ModularAddition(mean + template(p, {first: 1.0, 3: 0.6})), np.zeros((0, 3 * p))
    starts = np.random.default_rng(p).standard_normal((6, 3 * p))
    best = max(network.utility(maximised(network, row)[None], none)[0] for row in starts)
    assert best == pytest.approx(network.utility_bounds.max(), rel=1e-10)


def test_the_first_jump_beside_a_mean_is_no_earlier_than_its_bound():
    """cos(2πc/7) + .3: a neuron along the best direction is the first possible, at .40339."""
    network = ModularAddition(template(7, {1: 3.5}) + 0.3)
    assert network.time_bounds().min() == pytest.approx(0.40339, abs=5e-6)
    start = maximised(network, np.random.default_rng(0).standard_normal(21))
    path = modular_addition(network, init=start[None])
    assert path.times[1] == pytest.approx(network.time_bounds().min(), rel=1e-9)
    assert network.report(path).earliest.min() == network.time_bounds().min()


@pytest.mark.parametrize("p", [5, 8, 11, 12])
def test_the_largest_utility_is_that_of_a_cosine_at_the_dominant_frequency(p):
    """Theorem 6.2, jointly normalised; at the Nyquist frequency √2 more."""
    rng = np.random.default_rng(p)
    x = rng.standard_normal(p)
    network = ModularAddition(x - x.mean())
    none, found = np.zeros((0, 3 * p)), []
    for start in rng.standard_normal((30, 3 * p)):
        direction = maximised(network, start)
        found.append((float(network.utility(direction[None], none)[0]), direction))
    best, direction = max(found, key=lambda entry: entry[0])
    assert best == pytest.approx(network.utility_bounds.max(), rel=1e-10)
    modes = network.modes(direction[None])
    assert modes.frequency[0] == network.frequencies[0]
    assert modes.share[0] == pytest.approx(1, abs=1e-10)
    assert modes.mismatch[0] == pytest.approx(0, abs=1e-6)
    sizes = [np.linalg.norm(part) for part in np.split(direction, 3)]
    assert sizes == pytest.approx([1 / math.sqrt(3)] * 3)


def maximised(network, start):
    """Return where U(θ)/|θ|³ is largest near `start`, by a general-purpose optimiser."""
    none = np.zeros((0, network.size))

    def negative(row):
        norm = np.linalg.norm(row)
        utility = float(network.utility(row[None], none)[0]) / norm**3
        slope = network.utility_gradient(row[None], none)[0] / norm**3
        return -utility, -(slope - 3 * utility * row / norm**2)

    return _unit(minimize(negative, start, jac=True, method="BFGS", options={"gtol": 1e-11}).x)


def _unit(row):
    return row / np.linalg.norm(row)


def test_nyquist_wins_by_a_sixth_root_of_two():
    near, far = 2 ** (-1 / 6) * 1.01, 2 ** (-1 / 6) * 0.99
    for size, first in ((near, 4), (far, 1)):
        x = template(8, {1: 1.0, 4: size})
        network = ModularAddition(x)
        assert network.frequencies[0] == first
        best = [cosine(network, k) for k in (1, 4)]
        utilities = network.utility(np.array(best), np.zeros((0, 24)))
        assert utilities == pytest.approx(network.utility_bounds[[1, 4]], rel=1e-12)


def cosine(network, k, s_u=0.3, s_v=1.1):
    """The best direction at frequency k."""
    p = network.period
    s_x = float(np.angle(network.spectrum[k]))
    s_u, s_v = (s_u, s_v) if 2 * k != p else (0.0, 0.0)
    shifts = [s_u, s_v, s_u + s_v - s_x]
    return _unit(np.concatenate([np.cos(2 * np.pi * k * np.arange(p) / p + s) for s in shifts]))


def test_one_hot_templates_tie():
    odd, even = np.eye(7)[0] - 1 / 7, np.eye(8)[0] - 1 / 8
    assert ModularAddition(odd).ties
    assert not ModularAddition(even).ties
    assert ModularAddition(even).frequencies[0] == 4
    assert not ModularAddition(published()).ties
    path = modular_addition(odd, width=2)
    assert path.success
    assert len(path) == 3


@pytest.mark.parametrize(
    ("p", "k", "level"), [(7, 1, 8 / 9), (11, 2, 8 / 9), (12, 3, 7 / 8), (8, 4, 1 / 2)]
)
def test_what_one_neuron_leaves_of_a_lone_frequency(p, k, level):
    path = modular_addition(template(p, {k: 3.0}, {k: 0.7 if 2 * k != p else 0.0}), width=1)
    assert path.losses[1] / path.losses[0] == pytest.approx(level, abs=1e-12)
    assert path.certificates.stationarity[1] <= 1e-9
    assert path.status is Status.MAX_RANK


def test_two_neurons_creep_to_five_ninths():
    network = ModularAddition(template(11, {2: 3.0}))
    path = modular_addition(network, width=2)
    assert path.losses[2] / path.losses[0] == pytest.approx(5 / 9, abs=CREEP)
    assert path.certificates.at_infinity.tolist() == [False, False, True]
    # The neurons themselves are still above it, by what the certificate says.
    above = (network.loss(path.neurons[2]) - path.losses[2]) / path.losses[0]
    assert above == pytest.approx(path.certificates.creep[2], rel=1e-6)
    assert 1e-6 < above < 1e-3
    finer = modular_addition(network, width=2, creep=1e-7)
    assert finer.losses[2] / finer.losses[0] == pytest.approx(5 / 9, abs=3e-7)


@pytest.mark.slow
def test_a_small_period_comes_to_its_end():
    """Six neurons of p = 3, whose end names no option that the function lacks."""
    path = modular_addition(template(3, {1: 1.5}), width=6, error_bars=False)
    assert path.success
    assert (np.diff(path.losses) < 0).all()
    assert "rtol" not in path.message


def test_six_neurons_of_the_explicit_solution_leave_nothing():
    for p, k in ((11, 2), (13, 5), (20, 3)):
        x = template(p, {k: 4.0}, {k: 0.4})
        network, c, s_x = ModularAddition(x), 2 * np.pi * k * np.arange(p) / p, 0.4
        size = (2 / (3 * p * 4.0)) ** (1 / 3)
        rows = [
            size
            * np.concatenate([np.cos(c + j), sign * np.cos(c + j), sign * np.cos(c + 2 * j - s_x)])
            for j in (0, 2 * np.pi / 3, 4 * np.pi / 3)
            for sign in (1, -1)
        ]
        assert network.loss(np.array(rows)) <= 1e-14 * network.power.sum()
        assert network.point(np.array(rows)) == pytest.approx(x, abs=1e-14)


@pytest.mark.parametrize("log_alpha", [-1.0, -5.0, -690.0, -1e5, -math.inf])
def test_the_jump_time_bound_holds_and_is_attained(log_alpha):
    network = ModularAddition(template(7, {1: 1.0, 2: 0.8}))
    bound = network.time_bounds(log_alpha=log_alpha)
    best = modular_addition(
        network, init=cosine(network, 1)[None], log_alpha=log_alpha, max_jumps=1
    )
    assert best.times[1] == pytest.approx(bound[1], rel=1e-10)
    other = modular_addition(network, width=3, log_alpha=log_alpha, max_jumps=1)
    assert other.times[1] > bound.min()
    assert math.isinf(bound[0])


def test_the_published_example_learns_its_first_frequency():
    network = ModularAddition(published())
    path = modular_addition(network, width=18, max_jumps=5, error_bars=False)
    assert network.frequencies.tolist() == [1, 3, 5]
    # The paper's mean squared error, per output.
    assert network.plateaus * 2 / 20 == pytest.approx([0.65625, 0.15625, 0.03125, 0], abs=1e-15)
    # Its notebook has 0.59959 and 0.40916 for one and two neurons.
    assert path.losses[1:3] * 2 / 20 == pytest.approx([0.59959, 0.40916], abs=CREEP)
    assert path.losses[5] == pytest.approx(network.plateaus[1], rel=1e-6)
    assert (np.diff(path.losses) < 0).all()
    learnt = np.abs(np.fft.rfft(path.betas[5]))[[1, 3, 5]]
    assert learnt == pytest.approx([10, 0, 0], abs=1e-3)
    modes = network.modes(np.vstack(path.directions[1:]))
    assert modes.frequency.tolist() == [1] * 5
    assert modes.mismatch[0] == pytest.approx(0, abs=1e-6)
    assert path.times[1] >= network.time_bounds().min()


def first_saddle(seed):
    path = saddles.agf.modular_addition(published(), width=18, seed=seed, max_jumps=1)
    assert path.certificates.stationarity[1] <= ROUNDING
    return path.losses[1] / path.losses[0]


@pytest.mark.parametrize("seed", [3, 19, 21])
def test_slow_saddles_on_the_way_are_left(seed):
    """One neuron passes saddles of another phase, 3e-9 above its own, that all but hold it."""
    assert first_saddle(seed) == pytest.approx(first_saddle(0), rel=ROUNDING)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_published_example_visits_its_levels_in_order(seed):
    network = ModularAddition(published())
    path = modular_addition(network, width=18, seed=seed, error_bars=False)
    gaps = np.abs(path.losses[:, None] - network.plateaus) / path.losses[0]
    assert (gaps.min(axis=0) <= 3e-4).all()
    # What six neurons, or five with the help of another frequency, can remove at finite norm.
    attained = ~path.certificates.at_infinity[gaps.argmin(axis=0)]
    assert (gaps.min(axis=0)[attained] <= 1e-6).all()
    visited = gaps.argmin(axis=0)
    assert (np.diff(visited) > 0).all()
    assert (np.diff(path.losses) < 0).all()
    powers = np.abs(np.fft.rfft(path.betas))[:, [1, 3, 5]] / [10.0, 5.0, 2.5]
    for k, learnt in zip(visited, np.tril(np.ones((4, 3)), -1), strict=True):
        assert powers[k] == pytest.approx(learnt, abs=0.02)


def test_a_point_that_other_weights_would_leave_is_left(monkeypatch):
    """Where neurons all but cancel, forces on what their subspace leaves out are found later."""
    starts, descended = [], active._descended

    def short(run, *how):
        starts.append(run.theta)
        stopped = active.Descent(20 * run.theta, 0.0)
        return stopped if len(starts) == 1 else descended(run, *how)

    network = ModularAddition(template(7, {1: 1.0}))
    init = sixes(network, 1)
    monkeypatch.setattr(active, "_descended", short)
    path = modular_addition(network, init=init)
    assert len(starts) == 2
    assert starts[1] == pytest.approx(20 * starts[0])
    assert path.losses == pytest.approx([network.loss(init[:0]), 0.0], abs=1e-12)


@pytest.mark.parametrize(("width", "level", "error"), [(1, 8 / 9, 1e-9), (2, 5 / 9, 5e-4)])
def test_many_coordinates_are_searched_for_the_same_levels(monkeypatch, width, level, error):
    """One neuron rests; two creep, and the search stops at a fall that its certificate says."""
    monkeypatch.setattr("saddles.agf._engine.coordinates.DENSE", 0)
    path = modular_addition(template(7, {1: 1.0}), width=width)
    shares = path.losses / path.losses[0]
    assert shares[-1] == pytest.approx(level, abs=error)
    assert path.certificates.creep[-1] <= error
    assert path.certificates.stationarity[1] <= 1e-8
    assert path.certificates.at_infinity.tolist() == [False] * width + [width == 2]


def test_a_search_goes_on_to_critical_points_of_many_frequencies(monkeypatch):
    """A neuron of each frequency helps the others a little, along soft valleys, at finite norms."""
    monkeypatch.setattr("saddles.agf._engine.coordinates.DENSE", 0)
    network = ModularAddition(np.eye(11)[0] - 1 / 11)
    path = modular_addition(network, width=8, seed=1, max_jumps=3)
    assert len({*network.modes(path.neurons[3]).frequency}) == 3
    assert (path.certificates.stationarity <= 1e-8).all()
    assert not path.certificates.at_infinity.any()


@pytest.mark.slow
def test_at_97_numbers_saddles_are_stationary_or_at_infinity():
    """The first twelve neurons have a frequency each; later, the loss creeps."""
    x = np.eye(97)[0] - 1 / 97
    path = modular_addition(x, width=200, max_jumps=24, error_bars=False)
    known = path.certificates
    assert (known.stationarity[:17] <= 1e-8).all()
    assert ((known.stationarity <= 1e-6) | (known.creep > 0)).all()
    assert (known.creep <= 5e-4).all()


@pytest.mark.slow
def test_at_97_numbers_the_search_comes_to_the_levels_of_the_flow(monkeypatch):
    """Two neurons have 580 coordinates there; of the first, the level is below that of one wave."""
    x = np.random.default_rng(0).standard_normal(97)
    network = ModularAddition(x - x.mean())
    searched = modular_addition(network, width=200, max_jumps=2)
    monkeypatch.setattr("saddles.agf._engine.coordinates.DENSE", 600)
    followed = modular_addition(network, width=200, max_jumps=2)
    strongest = network.frequencies[0]
    assert network.modes(searched.directions[1]).frequency.tolist() == [strongest]
    learnt = network.plateaus[0] - network.plateaus[1]
    assert searched.losses[1] <= network.plateaus[0] - learnt / 9
    assert searched.certificates.stationarity[1] <= 1e-8
    assert searched.times[:3] == pytest.approx(followed.times[:3], rel=1e-9)
    assert searched.losses[2] == pytest.approx(followed.losses[2], abs=1e-4 * network.plateaus[0])


@pytest.mark.slow
def test_the_published_example_comes_to_its_end_from_60_starts():
    network = ModularAddition(published())
    for seed in range(60):
        path = modular_addition(network, width=18, seed=seed, error_bars=False)
        gaps = np.abs(path.losses[:, None] - network.plateaus).min(axis=0)
        assert (gaps <= 3e-4 * path.losses[0]).all(), seed


def test_scaling_the_template():
    """x → cx: the utility is c³ as large, and so are all rates."""
    x = template(7, {1: 1.0, 2: 0.5})
    plain, scaled = (modular_addition(c * x, width=2, max_jumps=1) for c in (1.0, 3.0))
    assert 27 * scaled.times == pytest.approx(plain.times, rel=1e-6)
    assert scaled.losses == pytest.approx(9 * plain.losses)
    assert scaled.betas == pytest.approx(3 * plain.betas, abs=1e-7)


@pytest.mark.parametrize("c", [8.0, 1e-3])
def test_scaling_the_template_at_a_finite_scale(c):
    """Weights and α are c^(−1/3) as large then: so must be the norm that counts as active."""
    x, part = template(7, {1: 1.0, 2: 0.5}), c ** (-1 / 3)
    plain = modular_addition(x, width=3, max_jumps=2, log_alpha=-5.0, activation_norm=0.5)
    scaled = modular_addition(
        c * x,
        width=3,
        max_jumps=2,
        log_alpha=-5.0 + math.log(part),
        activation_norm=0.5 * part,
    )
    assert c**3 * scaled.times == pytest.approx(plain.times, rel=1e-5)
    assert scaled.losses == pytest.approx(c**2 * plain.losses, rel=1e-4)
    for mine, other in zip(scaled.directions, plain.directions, strict=True):
        assert mine == pytest.approx(other, abs=1e-5)


def test_gradient_descent_from_the_same_neurons_jumps_when_predicted():
    """First half-drop of the loss times α, for α = e^-4, e^-5, e^-6: the excess is of order α."""
    x = template(5, {1: 2.0})
    network = ModularAddition(x)
    init = np.random.default_rng(1).standard_normal((1, 15))
    path = modular_addition(network, init=init)
    half = (path.losses[0] + path.losses[1]) / 2
    excess = []
    for log_alpha in (-2.0, -3.0):
        alpha = math.exp(log_alpha)
        step = 0.02
        run = reference.gradient_descent(
            x, alpha * init, step, int(1.5 * path.times[1] / alpha / step) + 200
        )
        first = int(np.argmax(run["losses"] < half))
        assert first > 0
        excess.append((first * step * alpha - path.times[1]) / alpha)
        assert run["losses"][-1] == pytest.approx(path.losses[1], rel=1e-3)
    assert excess[1] == pytest.approx(excess[0], rel=0.2)


@pytest.mark.parametrize("log_alpha", [-7.0, pytest.param(-9.0, marks=pytest.mark.slow)])
def test_paths_at_a_finite_scale_are_those_of_the_flow(log_alpha):
    """The last neuron's time hangs on the phases of the two before it, which turn slowly."""
    network = ModularAddition(template(7, {1: 2.0}))
    init = np.random.default_rng(0).standard_normal((3, 21))
    init /= np.linalg.norm(init, axis=1, keepdims=True)
    path, limit = (modular_addition(network, init=init, log_alpha=a) for a in (log_alpha, -np.inf))
    flow = saddles.flow.neurons(
        network, init, log_alpha=log_alpha, until=1.2 * path.times[-1], rtol=1e-6
    )
    jumps = flow.jumps()
    gap, beside = abs(path.times[1:] - jumps.times), abs(limit.times[1:] - jumps.times)
    assert (gap <= 1e-3 * jumps.times).all()
    assert beside[-1] > 10 * gap[-1]
    middle = (jumps.times[1] + jumps.times[2]) / 2
    pair = flow.curve.directions([middle])[0][path.active[2]]
    waves = np.fft.fft([pair[:, :7], path.neurons[2][:, :7]])[..., 1]
    turned = np.angle(waves[0] / waves[1])
    assert np.abs(turned).max() <= 0.03


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"template": [1.0, 0.0]}, "p >= 3"),
        ({"template": [1.0]}, "p >= 3"),
        ({"template": []}, "empty"),
        ({"template": [1.0, 1.0, 1.0]}, "constant"),
        ({"template": [0.0, 0.0, 0.0]}, "constant"),
        ({"template": [1.0, np.nan, 0.0]}, "not finite"),
        ({"width": 0}, "width=0"),
        ({"width": None}, "width=None"),
        ({"width": 3, "init": np.ones((2, 9))}, "width=3"),
        ({"init": np.zeros((2, 9))}, "zero"),
        ({"init": np.ones((2, 8))}, "8 columns"),
        ({"log_alpha": 1.0}, "log_alpha"),
    ],
)
def test_bad_input_is_named(options, words):
    options = {"template": [1.0, 0.0, 0.0], "width": 2} | options
    if "init" in options and "width" not in options:
        options["width"] = None
    if "init" in options and words != "width=3":
        options["width"] = None
    with pytest.raises(ValueError, match=words):
        modular_addition(options.pop("template"), **options)
    with pytest.raises(ValueError, match="columns"):
        ModularAddition([1.0, 0.0, 0.0]).modes(np.ones((1, 4)))


def test_paths_survive_being_saved(tmp_path):
    path = modular_addition(template(7, {1: 1.0, 2: 0.5}), width=2)
    path.save(tmp_path / "path.json")
    read = saddles.SaddlePath.load(tmp_path / "path.json")
    assert read.betas.tolist() == path.betas.tolist()
    assert read.times.tolist() == path.times.tolist()


def test_the_picture_shows_what_is_learnt_of_each_frequency():
    spectrum = np.zeros(6)
    spectrum[[1, 2]] = 10.0, 5.0
    network = ModularAddition(np.fft.irfft(spectrum, 11))
    path = modular_addition(network, width=3, seed=0, max_jumps=2)
    error, power = network.plot(path).axes
    staircase = [line for line in error.lines if len(line.get_xdata()) == len(path) + 1]
    assert staircase[0].get_ydata()[:-1] == pytest.approx(path.losses * 2 / 11)
    assert [line.get_label() for line in power.lines] == ["frequency 1", "frequency 2"]
    learnt = np.abs(np.fft.fft(path.betas)[:, 1] / network.spectrum[1]) ** 2
    assert power.lines[0].get_ydata()[:-1] == pytest.approx(learnt)
    for log_alpha, name in ((-np.inf, "α → 0"), (-5.0, "α = 0.0067"), (-1e4, "log α = -1e+04")):
        label = network.plot(replace(path, log_alpha=log_alpha)).axes[0].lines[-1].get_label()
        assert label == f"AGF, {name}"
    with pytest.raises(ValueError, match="must have a jump"):
        network.plot(saddles.pesme_flammarion([[1.0]], [1.0]))


@pytest.mark.slow
def test_rounding_of_the_start_stays_rounding():
    """Twelve jumps over saddles at infinity, from neurons that differ in their last digits.

    One of them passes close by an unstable direction as it activates.
    """
    init = np.random.default_rng(6).standard_normal((18, 60))
    aside = 1 + 1e-14 * np.random.default_rng(1).standard_normal(init.shape)
    path, other = (
        modular_addition(published(), init=start, error_bars=False)
        for start in (init, init * aside)
    )
    assert [units.tolist() for units in other.rang] == [units.tolist() for units in path.rang]
    assert len(path) == 13
    assert other.times == pytest.approx(path.times, rel=1e-5)


@pytest.mark.parametrize("mean", [1.0, 0.3])
def test_the_mean_of_a_template_is_a_frequency_of_its_own(mean):
    """Constant neurons learn it; no unit vector has a larger utility, and no jump is earlier."""
    network = ModularAddition(mean + template(7, {1: 1.0}))
    constant = np.repeat([1.0, 1.0, 1.0], 7)[None] / math.sqrt(21)
    nothing = np.zeros((0, 21))
    assert network.utility(constant, nothing)[0] == pytest.approx(network.utility_bounds[0])
    assert sorted(network.frequencies.tolist()) == [0, 1]
    path = modular_addition(network, width=8)
    assert path.times[1] >= network.time_bounds().min()
    assert network.plateaus[-1] == 0
    assert path.losses[-1] <= 3e-4 * path.losses[0]


def test_a_one_hot_template_with_its_mean_begins_with_that():
    network = ModularAddition(np.eye(7)[0])
    assert network.frequencies[0] == 0
    assert not network.ties
    path = modular_addition(network, width=12, max_jumps=1)
    assert network.modes(path.directions[1]).frequency.tolist() == [0]
    assert path.times[1] >= network.time_bounds().min()


def test_the_report_says_of_each_jump_what_rang_and_of_each_frequency_what_was_predicted():
    network = ModularAddition(template(7, {1: 2.0, 2: 1.0}))
    path = modular_addition(network, init=np.vstack([sixes(network, k) for k in (1, 2)]))
    found = network.report(path)
    assert found.jump.tolist() == [1] * 6 + [2] * 6
    assert sorted(found.neuron.tolist()) == list(range(12))
    assert found.frequency.tolist() == [1] * 6 + [2] * 6
    assert found.share == pytest.approx(np.ones(12))
    assert found.mismatch == pytest.approx(np.zeros(12), abs=1e-6)
    assert found.loss[[0, 6]] == pytest.approx(found.plateau, abs=1e-9)
    assert found.learnable.tolist() == [1, 2]
    assert found.bound.tolist() == network.utility_bounds[[1, 2]].tolist()
    assert found.earliest.tolist() == network.time_bounds()[[1, 2]].tolist()
    assert not found.ties
    assert found.to_frame().time.tolist() == path.times[found.jump].tolist()
    nothing = network.report(modular_addition(network, width=2, max_jumps=0))
    assert nothing.frequency.shape == (0,)
    with pytest.raises(ValueError, match="3p = 21 weights"):
        network.report(modular_addition(template(5, {1: 1.0}), width=1))
    with pytest.raises(ValueError, match="3p = 21 weights"):
        network.report(path.betas)
    data = np.random.default_rng(0).standard_normal((30, 20))
    with pytest.raises(ValueError, match="templates of length p = 7"):
        network.report(saddles.agf.relu(data, data[:, 0], width=2, max_jumps=1))


def test_weak_frequencies_count_in_both_forms_of_the_loss(monkeypatch):
    """One of a millionth of the amplitude has power; the sum over all pairs says so too."""
    network = ModularAddition(template(7, {1: 1.0, 2: 1e-6}))
    assert network.frequencies.tolist() == [1, 2]
    theta = np.random.default_rng(0).standard_normal((3, 21))
    pull = network.gradient(theta)
    monkeypatch.setattr("saddles.agf._groups.composition.GRID", 0)
    assert network.gradient(theta) == pytest.approx(pull, rel=1e-11, abs=1e-13)
    only = 1e3 * np.tile(np.cos(4 * np.pi * np.arange(7) / 7), 3)[None]
    nothing = np.zeros((0, 21))
    closed = network.utility(only, nothing)
    assert closed[0] > 0
    monkeypatch.setattr("saddles.agf._groups.composition.GRID", 32**3)
    assert network.utility_gradient(only, nothing)[0] @ only[0] == pytest.approx(3 * closed[0])
