"""What a `Flow` derives from its curve: jumps without a prediction, crossings, shapes, units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import saddles
from saddles.flow import Flow, diagonal
from saddles.status import Status


@dataclass(frozen=True)
class Steps:
    """A curve of matrix-valued points whose loss is a sum of logistic steps, known exactly."""

    centres: tuple[float, ...]
    drops: tuple[float, ...]
    sharpness: float

    def _excess(self, tau):
        return self.sharpness * (np.asarray(tau)[:, None] - np.array(self.centres))

    def point(self, tau):
        return np.multiply.outer(tau, np.ones((2, 3)))

    def loss(self, tau):
        return (np.array(self.drops) / (1 + np.exp(np.clip(self._excess(tau), -700, 700)))).sum(1)

    def loss_rate(self, tau):
        half = np.cosh(np.clip(self._excess(tau) / 2, -300, 300))
        return -(self.sharpness * np.array(self.drops) / 4 / half**2).sum(1)

    def conservation(self):
        return 0.0


def flow_of(curve, *, kappa=2, log_alpha=-100.0):
    grid = np.unique(
        np.concatenate(
            [[0.0, 10.0], *(c + np.linspace(-40, 40, 161) / curve.sharpness for c in curve.centres)]
        )
    )
    return Flow(
        algorithm="steps",
        source="none",
        log_alpha=log_alpha,
        kappa=kappa,
        times=grid[(grid >= 0) & (grid <= 10)],
        curve=curve,
        status=Status.CONVERGED,
    )


@pytest.mark.parametrize("sharpness", [1e2, 1e4, 1e8])
def test_jumps_of_a_known_curve(sharpness):
    curve = Steps((1.0, 2.5, 7.0), (4.0, 1e-6, 0.5), sharpness)
    jumps = flow_of(curve).jumps()
    # Half a drop is done at the centre, but for the tail that the plateau still has: e^(-sharpness)
    # times half the distance to the next jump.
    assert np.abs(jumps.times - curve.centres).max() < 1e-6 / sharpness
    assert np.abs(jumps.losses - [4.500001, 0.500001, 0.5, 0.0]).max() < 1e-12


def test_jumps_that_overlap_count_as_one():
    jumps = flow_of(Steps((3.0, 3.001), (1.0, 1.0), 1e3)).jumps()
    assert len(jumps) == 1
    assert jumps.times[0] == pytest.approx(3.0005, abs=1e-9)


def test_a_drop_of_rounding_size_is_no_jump():
    assert len(flow_of(Steps((1.0, 5.0), (1.0, 1e-13), 1e4)).jumps()) == 1
    assert len(flow_of(Steps((1.0, 5.0), (1.0, 1e-11), 1e4)).jumps()) == 2


def test_crossings_are_exact_at_any_sharpness():
    curve = Steps((2.0,), (1.0,), 1e9)
    times = flow_of(curve).crossing_times([0.9, 0.5, 0.1, 1.5, -0.5])
    expected = 2.0 + np.log(np.array([1 / 9, 1.0, 9.0])) / 1e9
    # One ulp of tau is all that can be asked of a time near 2.
    assert np.abs(times[:3] - expected).max() < 4 * np.spacing(2.0)
    assert np.isnan(times[3:]).all()


def test_nan_levels_are_refused():
    with pytest.raises(ValueError, match=r"levels=.*NaN"):
        flow_of(Steps((2.0,), (1.0,), 1e3)).crossing_times([0.5, np.nan])


def test_matrix_points_keep_their_shape():
    flow = flow_of(Steps((2.0,), (1.0,), 1e3))
    assert flow.at(1.0).shape == (2, 3)
    assert flow.at([3.0, 1.0, 2.0]).shape == (3, 2, 3)
    assert flow.at([3.0, 1.0, 2.0])[:, 0, 0].tolist() == [3.0, 1.0, 2.0]
    assert flow.at([]).shape == (0, 2, 3)
    with pytest.raises(ValueError, match="shape"):
        flow.at([[1.0]])


def test_physical_times_follow_the_homogeneity():
    curve = Steps((2.0,), (1.0,), 1e3)
    assert flow_of(curve).physical_times(2.0) == pytest.approx(200)
    assert flow_of(curve, kappa=3, log_alpha=-3.0).physical_times(2.0) == pytest.approx(2 * np.e**3)


def test_scalars_and_arrays_agree_in_any_order():
    flow = diagonal(np.eye(2), np.array([2.0, 1.0]), log_alpha=-1e3)
    taus = np.array([2.01, 0.3, 1.9, 0.0, flow.until])
    assert np.array_equal(flow.at(taus), [flow.at(tau) for tau in taus])
    assert np.array_equal(flow.loss(taus), [flow.loss(tau) for tau in taus])
    assert isinstance(flow.loss(1.0), float)
    assert isinstance(flow.loss_rate(1.0), float)


PROBLEMS = {
    "non-monotone": (np.array([[1, 0.5, 0.7, 0], [0.5, 1, 0.1, 0.7]]), np.array([1.0, 0.0])),
    "tied": (np.eye(4), np.array([1.0, 1.0, -1.0, 0.5])),
    "all tied": (np.eye(3), np.array([1.0, -1.0, 1.0])),
    "tiny drop": (np.eye(3), np.array([1.0, 0.5, 1e-4])),
    "tiny and late": (np.eye(2), np.array([1.0, 1e-5])),
    "underdetermined": (np.random.default_rng(1).standard_normal((4, 9)), np.arange(1.0, 5.0)),
    "repeated feature": (np.array([[1.0, 1.0, 0.2], [0.0, 0.0, 1.0]]), np.array([2.0, 1.0])),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_jumps_are_those_of_the_exact_path(name):
    X, y = PROBLEMS[name]
    path = saddles.pesme_flammarion(X, y)
    log_alpha = -1e5
    jumps = diagonal(X, y, log_alpha=log_alpha).jumps()
    assert len(jumps) == len(path) - 1
    # The times differ by O(1/log(1/alpha)), the constant being a few units of each jump's own time.
    assert np.abs(jumps.times / path.times[1:] - 1).max() < 100 / -log_alpha
    # Levels are limited by the tolerance of the flow, and it enters squared.
    assert np.abs(jumps.losses - path.losses).max() < 1e-12 * path.losses[0]


@pytest.mark.parametrize("seed", range(12))
def test_jumps_of_random_problems_are_those_of_the_exact_path(seed):
    rng = np.random.default_rng(seed)
    n, d = rng.integers(2, 12, 2)
    X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    path = saddles.pesme_flammarion(X, y)
    assert len(diagonal(X, y, log_alpha=-1e6).jumps()) == len(path) - 1


def test_a_large_initial_scale_learns_in_one_sweep():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 5))
    jumps = diagonal(X, X @ rng.standard_normal(5), log_alpha=-0.01).jumps()
    assert len(jumps) == 1
