"""Ways of dormant ReLU neurons: against broken lines, integration, and a grid in the plane."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import saddles
from saddles.agf._relu.broken_lines import climb
from saddles.agf._relu.exponential_ways import turn
from saddles.agf._relu.piecewise import PiecewiseUtility, Pulls
from saddles.agf._relu.plane_outputs import peaks

#: Both are exact but for the place of crossings, and the condition of what comes after.
CLOSE = 1e-7
#: The fixed-point equation, relative to the size that gradients have.
FIXED = 1e-10


def problem(seed, d, q):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    slope = float(rng.choice([0.0, 0.0, 0.1]))
    return rng.standard_normal((n, d)), rng.standard_normal((n, q)), slope, rng


@given(st.integers(0, 10**6), st.sampled_from([2, 3, 4]))
def test_with_one_output_ways_are_broken_lines(seed, d):
    X, Y, slope, rng = problem(seed, d, 1)
    w, sign = rng.standard_normal(d), float(rng.choice([-1.0, 1.0]))
    end = climb(PiecewiseUtility.of(X, Y[:, 0], slope), w, sign=sign, imbalance=0.0)
    way = turn(Pulls.of(X, Y, slope), np.append(w, sign * np.linalg.norm(w)))
    assert way.growth == pytest.approx(end.growth, abs=CLOSE)
    assert math.sqrt(2) * way.direction[:d] == pytest.approx(end.direction, abs=CLOSE)
    assert way.direction[d] * end.sign == pytest.approx(math.sqrt(0.5))


@pytest.mark.parametrize(
    ("seed", "d", "q"), [(1, 3, 1), (2, 3, 2), (5, 3, 2), (0, 1, 2), (2, 1, 2), (3, 1, 2)]
)
def test_a_way_is_the_flow_of_a_dormant_neuron(seed, d, q):
    """Integrated by small steps, which at kinks that hold go to and fro by as much.

    A number w may turn over, or be held at 0.
    """
    X, R, slope, rng = problem(seed, d, q)
    theta = rng.standard_normal(d + q)
    way = turn(Pulls.of(X, R, slope), theta)
    scale = Pulls.of(X, R, slope).scale

    def velocity(_, z):
        slopes = np.where(X @ z[:d] > 0, 1.0, slope)
        M = (R * slopes[:, None]).T @ X / len(R)
        return np.concatenate([z[d:] @ M, M @ z[:d]])

    times = np.linspace(0, 4, 9)[1:] / scale
    flow = solve_ivp(
        velocity, (0, times[-1]), theta, "RK23", times, max_step=1e-3 / scale, rtol=1e-4
    )
    for time, z in zip(times, flow.y.T, strict=True):
        direction, grown = way.at(time)
        size = np.linalg.norm(z)
        assert direction == pytest.approx(z / size, abs=3e-3)
        assert grown == pytest.approx(math.log(size / np.linalg.norm(theta)), abs=3e-3)


@given(st.integers(0, 10**6), st.integers(1, 3))
def test_rings_are_when_the_norm_has_grown(seed, q):
    X, R, slope, rng = problem(seed, 2, q)
    way = turn(Pulls.of(X, R, slope), rng.standard_normal(2 + q))
    if way.vanishes:
        return
    for target in (1e-3, 1.0, 40.0, 1e6):
        time = way.ring(target)
        if math.isinf(time):
            assert way.growth <= 0
        else:
            assert way.at(time)[1] == pytest.approx(target, rel=1e-9)
            assert (np.array([way.at(s * time)[1] for s in (0.3, 0.9)]) < target).all()


def check_peaks(seed):
    X, R, slope, _ = problem(seed, 2, 2 + seed % 3)
    pulls = Pulls.of(X, R, slope)
    angles, every = peaks(pulls)
    grid = np.linspace(0, 2 * math.pi, 20_000, endpoint=False) + 1e-5
    heights = np.linalg.norm(pulls.value(np.stack([np.cos(grid), np.sin(grid)], 1)), axis=1)
    rises = np.roll(heights, -1) - heights
    rises[np.abs(rises) < 1e-13 * pulls.scale] = 0
    seen = grid[(np.roll(np.sign(rises), 1) > 0) & (rises < 0)]
    gaps = np.abs((np.subtract.outer(seen, angles) + math.pi) % (2 * math.pi) - math.pi)
    assert every
    assert len(seen) == len(angles), seed
    assert gaps.min(axis=1, initial=9).max(initial=0) < 1e-3


@pytest.mark.parametrize("seed", range(30))
def test_peaks_in_the_plane_are_what_a_grid_sees(seed):
    check_peaks(seed)


@pytest.mark.parametrize(("d", "q"), [(2, 2), (2, 3), (3, 2), (5, 4)])
def test_directions_with_several_outputs_are_fixed_and_attract(d, q):
    X, R, slope, rng = problem(10 * d + q, d, q)
    found = saddles.agf.extremal_directions(X, R, slope=slope, starts=20)
    pulls = Pulls.of(X, R, slope)
    assert found.exhaustive == (d == 2)
    assert found.outputs.shape == (len(found), q)
    assert (found.residuals <= FIXED).all()
    assert len(found)
    assert (found.growth > 0).all()
    for w, a, growth in zip(found.directions, found.outputs, found.growth, strict=True):
        assert pulls.value(w) == pytest.approx(growth * a)
        near = np.concatenate([w, a]) + 1e-5 * rng.standard_normal(d + q)
        assert turn(pulls, near).direction * math.sqrt(2) == pytest.approx(
            np.concatenate([w, a]), abs=1e-8
        )


def test_a_circle_of_equal_directions_is_not_enumerated():
    found = saddles.agf.extremal_directions(np.eye(2), np.eye(2), starts=5)
    assert not found.exhaustive
    assert found.growth == pytest.approx(np.full(len(found), 0.5))
