"""Boundaries of the clocks from initial weights, and paths of deep networks."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference.deep_diagonal as oracle
import saddles
from saddles import Status, boundaries, diagonal_network, pesme_flammarion
from tests.diagonal.deep_problems import K1, TIMES, random_problem

#: Closed forms and quadrature, both to rounding.
ROUNDING = 1e-13


def shapes(count: int):
    """Yield initial weights of depth 3 to 8: usual ones, of very different sizes, nearly equal."""
    rng = np.random.default_rng(0)
    for k in range(count):
        depth, signs = 3 + k % 6, rng.choice([-1.0, 1.0], 3 + k % 6)
        kinds = (
            rng.standard_normal(depth),
            np.exp(rng.normal(0, 3, depth)) * signs,
            (1 + 1e-3 * rng.standard_normal(depth)) * signs,
            np.append(0.0, rng.standard_normal(depth - 1)),
        )
        yield kinds[(k // 6) % 4]


def assert_are_quadratures(inits):
    for init in inits:
        found = [float(t) for t in boundaries(init)]
        assert np.allclose(found, oracle.boundaries(init), rtol=ROUNDING, atol=0), init


def test_boundaries_are_plain_quadratures():
    assert_are_quadratures(shapes(12))


@pytest.mark.slow
def test_boundaries_of_many_shapes_are_plain_quadratures():
    assert_are_quadratures(shapes(500))


weights = st.floats(0.01, 100) | st.floats(-100, -0.01)


@given(st.lists(weights, min_size=3, max_size=9), st.floats(1e-3, 1e3), st.data())
def test_boundaries_know_sizes_and_signs_only(init, factor, data):
    """Of any order of the layers; a sign more exchanges them; t → c^{2−D}t with init → c init."""
    plus, minus = boundaries(init)
    shuffled = data.draw(st.permutations(init))
    assert boundaries(shuffled) == (plus, minus)
    shuffled[0] *= -1
    assert boundaries(shuffled) == (minus, plus)
    scaled = boundaries(factor * np.array(init))
    power = factor ** (2.0 - len(init))
    assert np.allclose(scaled[0], power * plus, rtol=ROUNDING)
    assert np.allclose(scaled[1], power * minus, rtol=1e-6)  # ties are broken by rounding


@given(st.lists(weights, min_size=3, max_size=9))
def test_own_sign_is_nearer_and_a_tie_forbids_the_other(init):
    sizes = sorted(map(abs, init))
    near, far = sorted(float(t) for t in boundaries(init))
    assert near <= far
    assert math.isinf(far) == (sizes[0] == sizes[1])
    tied = boundaries([sizes[0], *sizes])
    assert math.isinf(tied[1])
    # A start at zero is nobody's side.
    assert np.ptp(boundaries([0.0, *sizes])) == 0


def test_special_values():
    for depth in range(3, 40):
        plus, minus = boundaries(np.full(depth, 2.0))
        assert plus * (depth - 2) * 2.0 ** (depth - 2) == pytest.approx(1, rel=ROUNDING)
        assert math.isinf(minus)
        pair = boundaries(depth=depth, form="difference")
        assert pair[0] == pair[1] == pytest.approx(1 / (depth * (depth - 2)), rel=ROUNDING)
    assert boundaries() == (1.0, 1.0)
    assert boundaries([1.0, 1.0]) == (1.0, math.inf)
    assert boundaries([2.0, 1.0]) == (1.0, 1.0)
    assert boundaries(form="difference") == (0.5, 0.5)
    assert boundaries(np.ones((3, 4)))[0].shape == (4,)


@pytest.mark.parametrize(
    ("shape", "factor"),
    [
        ({}, 1.0),
        ({"depth": 3}, math.pi / 2),
        ({"init": [0.0, 1.0, -1.0]}, math.pi / 2),
        ({"depth": 4}, 1.0),
        ({"depth": 3, "form": "difference"}, 1 / 3),
        ({"depth": 4, "form": "difference"}, 1 / 8),
        ({"form": "difference"}, 1 / 2),
    ],
)
def test_symmetric_networks_have_the_times_of_depth_two(shape, factor):
    path = diagonal_network(*K1, **shape)
    plain = pesme_flammarion(*K1)
    assert np.abs(path.times - factor * TIMES).max() < 1e-12 * factor * TIMES[-1]
    assert np.array_equal(path.betas, plain.betas)


def test_a_path_knows_its_degree():
    """Depth 3 at α = 1e-3: the first jump is at (2·π/2)/α, not at its product with log(1/α)."""
    path = diagonal_network(*K1, depth=3, log_alpha=math.log(1e-3))
    assert path.kappa == 3
    assert path.physical_times()[1] == pytest.approx(1000 * math.pi)
    same = pesme_flammarion(*K1, boundaries=boundaries([1, 1, 0]), kappa=3)
    assert same.physical_times(math.log(1e-3))[1] == pytest.approx(1000 * math.pi)
    assert saddles.SaddlePath.from_dict(path.to_dict()) == path


def test_paths_of_deep_networks_go_on():
    X, y, init = random_problem(1)
    whole = diagonal_network(X, y, init=init)
    part = diagonal_network(X, y, init=init, max_jumps=1)
    assert len(part) == 2
    again = diagonal_network(X, y, init=init, start=part)
    assert np.allclose(again.times, whole.times, rtol=1e-12)
    assert again.kappa == len(init)
    with pytest.raises(ValueError, match="has degree kappa=4, but kappa=2"):
        pesme_flammarion(X, y, start=part)


def test_equal_weights_learn_one_sign_only():
    path = diagonal_network(*K1, init=[1, 1, 1])
    assert path.status is Status.NO_CLOCK_RINGS
    assert (path.betas >= 0).all()


def test_every_coordinate_may_have_its_own_shape():
    """Which coordinate is first depends on the shapes: large weights beat any correlation."""
    X, y = np.eye(3), np.array([3.0, 2.0, 1.0])
    init = np.array([[1.0, 1.0, 10.0], [1.0, 1.0, 10.0], [0.0, 0.0, 0.0]])
    order = [units.tolist() for units in diagonal_network(X, y, init=init).entered[1:]]
    assert order == [[2], [0], [1]]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"depth": 1}, ValueError, "depth=1: it must be a whole number of at least 2"),
        ({"depth": 2.5}, TypeError, "depth=2.5"),
        ({"init": [1.0]}, ValueError, "depth=1"),
        ({"init": [0, 0, 1]}, ValueError, r"init\[:, 0\]=.* has two zeros"),
        ({"init": np.ones((3, 2))}, ValueError, r"shape \(3, 2\), but X has 4 features"),
        ({"depth": 4, "init": [1, 1, 0]}, ValueError, "depth=4, but init has 3 layers"),
        ({"init": [1, math.nan, 1]}, ValueError, "init"),
        ({"init": "ones"}, TypeError, "init='ones' is text"),
        ({"form": "sum"}, ValueError, "form='sum' must be one of"),
        ({"form": "difference", "init": [1, 2, 3]}, ValueError, "must hold u and v"),
        ({"depth": 3, "form": "difference", "init": [1, 0]}, ValueError, "all above 0"),
        ({"init": [1e-150] * 5}, ValueError, "too far from 1 for a float64"),
        ({"init": [0, *[1e-3] * 500, 1]}, ValueError, "too far from 1 for a float64"),
        ({"init": [0, *[1e-100] * 500, 1e100]}, ValueError, "too far from 1 for a float64"),
        ({"depth": 10**30}, ValueError, f"depth={10**30}: .* at most 1000"),
        ({"init": np.ones(1001)}, ValueError, "depth=1001: .* at most 1000"),
        ({"log_alpha": 0.5}, ValueError, "log_alpha=0.5"),
    ],
)
def test_bad_shapes_are_named(options, error, words):
    with pytest.raises(error, match=words):
        diagonal_network(*K1, **options)
