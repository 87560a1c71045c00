"""Extremal directions of ReLU neurons: against a grid and the direction's flow, and their laws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

import saddles
from saddles.agf._relu.broken_lines import climb
from saddles.agf._relu.piecewise import PiecewiseUtility
from saddles.agf._relu.plane import arcs

#: Directions are right to rounding times the condition of an angle between gradients.
CLOSE = 1e-9
#: The fixed-point equation, relative to the size that gradients have.
FIXED = 1e-10
#: What a flow of the direction with shrinking steps leaves.
FLOWN = 1e-6
GRID = 20_000
#: First step of such a flow, as an angle where |G'| is as large as it can be; its time in these
#: units, and most steps.
LONG, DURATION, MOST = 0.02, 200, 50_000


def problem(seed, d=2, largest=12):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, largest))
    slope = float(rng.choice([0.0, 0.0, 0.1, -1.0]))
    return rng.standard_normal((n, d)), rng.standard_normal(n), slope


def utility(X, r, slope, W):
    heights = W @ X.T
    return np.where(heights > 0, heights, slope * heights) @ r / len(r)


def circle(angles):
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def apart(first, second):
    """Return the distances of angles on the circle, shape (m, q)."""
    return np.abs((np.subtract.outer(first, second) + math.pi) % (2 * math.pi) - math.pi)


def grid_extrema(X, r, slope):
    """Return angles of maxima and minima of G on a grid, flat stretches left out."""
    angles = np.linspace(0, 2 * math.pi, GRID, endpoint=False) + 1e-5
    values = utility(X, r, slope, circle(angles))
    rises = np.roll(values, -1) - values
    rises[np.abs(rises) < 1e-14] = 0
    before = np.roll(np.sign(rises), 1)
    return [angles[(sign * before > 0) & (sign * rises < 0)] for sign in (1, -1)]


def check_grid(seed):
    X, r, slope = problem(seed)
    found = saddles.agf.extremal_directions(X, r, slope=slope)
    assert found.exhaustive
    assert (found.residuals <= FIXED).all()
    for sign, expected in zip((1, -1), grid_extrema(X, r, slope), strict=True):
        angles = found.angles[found.sign == sign]
        assert len(angles) == len(expected), (seed, sign)
        if len(angles):
            assert apart(angles, expected).min(axis=1).max() < 10 / GRID
    assert found.growth == pytest.approx(found.sign * utility(X, r, slope, found.directions))


@pytest.mark.parametrize("seed", range(40))
def test_enumeration_is_what_a_grid_sees(seed):
    check_grid(seed)


@pytest.mark.slow
def test_enumeration_is_what_a_grid_sees_on_600_problems():
    for seed in range(600):
        check_grid(seed)


def flown(X, r, slope, angles, sign, longest):
    """Return where the direction flow θ' = ± G'(θ) takes `angles`, by steps that shrink."""
    scale = np.sum(np.abs(r) * np.linalg.norm(X, axis=1)) / len(r)

    def slope_at(angles):
        heights = circle(angles) @ X.T
        pulls = (np.where(heights > 0, 1.0, slope) * r) @ X / len(r)
        return np.sum(pulls * circle(angles + math.pi / 2), axis=1)

    for shrink in range(20):
        size = longest * 0.5**shrink
        for _ in range(60 if shrink else int(min(DURATION / longest, MOST))):
            angles = angles + size * sign * slope_at(angles) / scale
    at_rest = np.abs(slope_at(angles)) <= 1e-7 * scale
    return angles % (2 * math.pi), at_rest


def around(angle):
    """Return the same angle a turn before and after."""
    return angle + 2 * math.pi * np.arange(-1, 3)


def check_flow(seed, starts=32):
    """Return how many flows ended, all of them where the enumeration says; others are slow."""
    X, r, slope = problem(seed)
    found = saddles.agf.extremal_directions(X, r, slope=slope)
    rng = np.random.default_rng(seed)
    ended = 0
    first = rng.uniform(0, 2 * math.pi, 2 * starts)
    signs = np.repeat([1, -1], starts)
    # At a kink steps overshoot: by less than the narrowest basin's width beside it.
    beside = np.abs(found.basins - found.angles[:, None]).min(initial=1)
    longest = min(LONG, max(beside, 2e-4) / 2)
    for start, end, still, sign in zip(
        first, *flown(X, r, slope, first, signs, longest), signs, strict=True
    ):
        mine = found.sign == sign
        angles, basins = found.angles[mine], found.basins[mine]
        inside = ((around(start) >= basins[:, :1]) & (around(start) <= basins[:, 1:])).any(axis=1)
        if not inside.any():  # it rests in a dead arc, or at its edge
            edges = found.dead[:, :, None]
            near = (around(end) >= edges[:, 0] - FLOWN) & (around(end) <= edges[:, 1] + FLOWN)
            assert near.any(), seed
            continue
        assert inside.sum() == 1
        gap = apart(np.array([end]), angles[inside]).item()
        if gap <= FLOWN:
            ended += 1
            continue
        # A smooth direction with little growth is reached slowly, from within its basin.
        assert not still or gap <= 10 * FLOWN, (seed, sign, start)
        low, high = basins[inside][0]
        assert ((around(end) > low - FLOWN) & (around(end) < high + FLOWN)).any(), (seed, start)
    return ended


@pytest.mark.parametrize("seed", [1, 15])
def test_small_flows_end_on_stable_directions_from_their_basins(seed):
    assert check_flow(seed) > 0


@pytest.mark.slow
def test_small_flows_end_on_stable_directions_on_200_problems():
    ended = sum(check_flow(seed, 16) for seed in range(200))
    assert ended > 4000, ended


def check_ascent(X, r, slope, rng):
    """Broken lines from random starts end where the basins say that they do."""
    G = PiecewiseUtility.of(X, r, slope)
    sets = arcs(G)
    for sign in (1.0, -1.0):
        w = rng.standard_normal(2)
        end = climb(G, w, sign=sign)
        basins = sets.basins(sign)
        turns = around(math.atan2(w[1], w[0]))
        inside = ((turns >= basins[:, :1]) & (turns <= basins[:, 1:])).any(axis=1)
        assert inside.sum() == 1
        first, last = sets.angles[inside][0]
        angle = math.atan2(end.direction[1], end.direction[0])
        if sets.dead[inside][0]:
            assert end.growth == 0
            assert apart(angle, [(first + last) / 2]).item() <= (last - first) / 2 + CLOSE
        else:
            assert apart(angle, [first]).item() <= CLOSE


@given(st.integers(0, 10**6))
def test_ascent_by_broken_lines_ends_where_the_basins_say(seed):
    check_ascent(*problem(seed), np.random.default_rng(seed))


def test_ascent_and_basins_agree_on_tangencies():
    """Whole and half numbers make gradients along kinks, dead arcs and parallel samples."""
    for seed in range(100):
        X, r, slope = problem(seed, largest=15)
        rng = np.random.default_rng(seed)
        for _ in range(3):
            check_ascent(np.round(2 * X) / 2, np.round(2 * r) / 2, slope, rng)


@pytest.mark.parametrize(("seed", "d"), [(0, 3), (1, 3), (2, 4), (3, 6)])
def test_in_space_each_direction_is_fixed_and_attracts_for_its_sign_alone(seed, d):
    rng = np.random.default_rng(seed)
    X, r = rng.standard_normal((4 * d, d)), rng.standard_normal(4 * d)
    found = saddles.agf.extremal_directions(X, r, starts=10, seed=seed)
    G = PiecewiseUtility.of(X, r, 0.0)
    assert not found.exhaustive
    assert found.shares[found.sign > 0].sum() == pytest.approx(1)
    assert found.kinked.any()
    for w, sign, growth, kinks in zip(
        found.directions, found.sign, found.growth, found.kinks, strict=True
    ):
        heights = X @ w
        assert np.abs(heights[kinks]).max(initial=0) <= FIXED
        off = np.setdiff1d(np.arange(len(r)), kinks)
        pull = sign * (r[off] * (heights[off] > 0)) @ X[off] / len(r)
        # Filippov: some share in [0, 1] of each sample on the kink leaves no force across w.
        if len(kinks):
            sides = (sign * r[kinks, None] * X[kinks] / len(r)).T
            shares = lsq_linear(sides, -pull, bounds=(0, 1), method="bvls", tol=1e-14).x
            assert (shares > 0).all()
            assert (shares < 1).all()
            pull = pull + sides @ shares
        assert pull == pytest.approx(growth * w, abs=FIXED * G.scale)
        near = w + 1e-6 * rng.standard_normal(d)
        assert climb(G, near, sign=sign).direction == pytest.approx(w, abs=CLOSE)
        assert np.abs(climb(G, near, sign=-sign).direction - w).max() > 1e-3


def test_an_unbalanced_neuron_may_turn_back():
    """If |a| < |w|, a may fall to 0 first; against the flow of (w, a) by small steps."""
    X, r, _ = problem(5)
    G = PiecewiseUtility.of(X, r, 0.0)
    rng = np.random.default_rng(0)
    w, a = rng.standard_normal((30, 2)), 0.3 * rng.standard_normal(30)
    ends = [
        climb(G, row, sign=math.copysign(1, b), imbalance=b**2 - row @ row)
        for row, b in zip(w, a, strict=True)
    ]
    v, b = w.copy(), a.copy()
    for _ in range(16_000):
        heights = v @ X.T
        pull = ((heights > 0) * r) @ X / len(r)
        step = np.where(np.hypot(*v.T) < 1e6, 5e-3 / G.scale, 0.0)
        v, b = v + (step * b)[:, None] * pull, b + step * np.sum(pull * v, axis=1)
    compared = turned = 0
    for k, end in enumerate(ends):
        if end.growth > 0 and np.hypot(*v[k]) > 100:
            assert math.copysign(1, b[k]) == end.sign
            assert v[k] / np.hypot(*v[k]) == pytest.approx(end.direction, abs=3e-2)
            compared += 1
            turned += end.sign != math.copysign(1, a[k])
    assert compared > 10
    assert turned > 2


@given(st.integers(0, 10**6))
def test_laws(seed):
    X, r, slope = problem(seed)
    rng = np.random.default_rng(seed)
    found = saddles.agf.extremal_directions(X, r, slope=slope)
    for sign in (1, -1):
        mine = found.shares[found.sign == sign].sum()
        dead = np.diff(found.dead).sum() / (2 * math.pi)
        assert mine <= 1 + CLOSE
        assert dead > 0 or mine == pytest.approx(1)
    turn = rng.uniform(0, 2 * math.pi)
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    order = rng.permutation(len(r))
    twice = np.concatenate([order, order])
    moved = saddles.agf.extremal_directions(3 * X[twice] @ rotation.T, 2 * r[twice], slope=slope)
    assert moved.growth == pytest.approx(6 * found.growth, rel=1e-9, abs=1e-12)
    gaps = np.abs(moved.directions[:, None] - found.directions @ rotation.T).max(axis=2)
    assert (gaps.min(axis=0) <= CLOSE).all()
    mirrored = saddles.agf.extremal_directions(X, -r, slope=slope)
    assert np.sort(mirrored.angles) == pytest.approx(np.sort(found.angles), abs=CLOSE)
    assert np.count_nonzero(mirrored.sign > 0) == np.count_nonzero(found.sign < 0)


def test_a_linear_neuron_has_one_direction_for_each_sign():
    X, r, _ = problem(3)
    found = saddles.agf.extremal_directions(X, r, slope=1.0)
    along = X.T @ r / np.linalg.norm(X.T @ r)
    assert len(found) == 2
    assert not found.kinked.any()
    assert found.directions[found.sign > 0][0] == pytest.approx(along)
    assert found.directions[found.sign < 0][0] == pytest.approx(-along)


def test_parallel_samples_share_their_kink_and_cancel():
    """Two opposite samples with opposite residuals: φ(z) − φ(−z) = z has no kink."""
    found = saddles.agf.extremal_directions([[1.0, 2.0], [-0.5, -1.0]], [1.0, -2.0])
    assert len(found) == 2
    assert not found.kinked.any()
    found = saddles.agf.extremal_directions([[2.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], [1, 1, 1])
    assert [k.tolist() for k in found.kinks if 0 in k or 1 in k] == [[0, 1]] * 2


def test_nothing_to_learn_is_dead_everywhere():
    found = saddles.agf.extremal_directions([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0])
    assert len(found) == 0
    assert found.dead == pytest.approx(np.array([[0, 2 * math.pi]]))
    found = saddles.agf.extremal_directions([[1.0, 0.0]], [1.0])
    assert found.directions == pytest.approx(np.array([[1.0, 0.0]]))
    assert found.dead == pytest.approx(np.array([[math.pi / 2, 3 * math.pi / 2]]))


def test_scalar_inputs_with_a_bias_bend_at_breakpoints():
    x = np.array([-1.0, -0.3, 0.2, 0.9])
    found = saddles.agf.extremal_directions(x[:, None], [1.0, -1.0, 1.0, -1.0], bias=True)
    w, b = found.directions.T
    assert found.breakpoints == pytest.approx(-b / w)
    held = [(p, x[k]) for p, k in zip(found.breakpoints, found.kinks, strict=True) if len(k)]
    assert held
    for bend, sample in held:
        assert bend == pytest.approx(sample.item())


def test_one_dimension_has_no_turns():
    found = saddles.agf.extremal_directions([[1.0], [-2.0]], [1.0, 1.0])
    assert found.growth.tolist() == [1.0, 0.5, -0.5, -1.0]
    with pytest.raises(ValueError, match="directions have 1 entries"):
        _ = found.angles
    with pytest.raises(ValueError, match="breakpoints"):
        _ = found.breakpoints


@pytest.mark.slow
def test_a_hundred_thousand_samples():
    rng = np.random.default_rng(0)
    X, r = rng.standard_normal((10**5, 2)), rng.standard_normal(10**5)
    found = saddles.agf.extremal_directions(X, r)
    assert (found.residuals <= FIXED).all()
    assert found.growth == pytest.approx(found.sign * utility(X, r, 0.0, found.directions))
    assert np.count_nonzero(found.sign > 0) == np.count_nonzero(found.sign < 0)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (([1.0, 2.0], [1.0, 2.0]), {}, ValueError, "X=.* must have 2 axes"),
        ((np.eye(2), [1.0]), {}, ValueError, "residual has shape"),
        ((np.eye(2), [1.0, np.nan]), {}, ValueError, r"residual\[1\]=nan is not finite"),
        ((np.eye(2), ["a", "b"]), {}, TypeError, "residual"),
        ((np.eye(2), [1.0, 1.0]), {"slope": np.inf}, ValueError, "slope=inf"),
        ((np.eye(2), [1.0, 1.0]), {"bias": 1}, TypeError, "bias=1"),
        ((np.eye(3), [1.0, 1.0, 1.0]), {"starts": 0}, ValueError, "starts=0"),
        ((np.eye(3), [1.0, 1.0, 1.0]), {"seed": -1}, ValueError, "seed=-1"),
    ],
)
def test_bad_input(arguments, options, error, words):
    with pytest.raises(error, match=words):
        saddles.agf.extremal_directions(*arguments, **options)


def test_a_picture_shows_every_direction_and_the_neurons_that_were_followed():
    X, r, _ = problem(3)
    found = saddles.agf.extremal_directions(X, r)
    flowed = np.column_stack([found.directions, found.sign])
    circle, curve = found.plot(flowed=flowed).axes
    for axis, points in ((circle, found.directions), (curve, None)):
        drawn = np.vstack([marks.get_offsets() for marks in axis.collections])
        assert len(drawn) == 2 * len(found)
        if points is not None:
            gaps = np.abs(drawn[:, None] - points[None]).max(axis=2).min(axis=0)
            assert gaps.max() <= CLOSE
    line = curve.lines[1]
    assert line.get_ydata().max() == pytest.approx((found.sign * found.growth).max(), rel=1e-4)
    with pytest.raises(ValueError, match=r"flowed has shape \(2, 2\)"):
        found.plot(flowed=np.eye(2))
    with pytest.raises(ValueError, match="only those in the plane"):
        saddles.agf.extremal_directions(np.eye(3), [1.0, 1.0, 1.0], starts=2).plot()


def test_several_outputs_are_drawn_by_their_length():
    found = saddles.agf.extremal_directions(*np.random.default_rng(0).standard_normal((2, 5, 2)))
    curve = found.plot().axes[1]
    assert curve.lines[1].get_ydata().max() == pytest.approx(found.growth.max(), rel=1e-4)
