"""Comparison of paths and flows, and their pictures."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import saddles
from saddles._compare.resolution import resolved_plateaus
from saddles.homogeneous import Declared

X = np.array([[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]])
Y = np.array([1.0, 0.0])


@pytest.fixture(scope="module")
def path():
    return saddles.pesme_flammarion(X, Y)


def test_a_path_agrees_with_itself(path):
    comparison = saddles.compare(path, path)
    assert comparison.same_jumps
    assert (comparison.worst_time, comparison.worst_beta, comparison.worst_loss) == (0, 0, 0)


def test_a_shifted_time_shows_exactly(path):
    times = path.times.copy()
    times[2] *= 1.25
    comparison = saddles.compare(path, replace(path, times=times))
    np.testing.assert_allclose(comparison.time_errors, [0, 0.25, 0], atol=1e-15)
    assert comparison.worst_time == pytest.approx(0.25)


def test_a_wrong_coefficient_shows_relative_to_the_largest(path):
    betas = path.betas.copy()
    betas[1, 0] += 0.1
    comparison = saddles.compare(path, replace(path, betas=betas))
    assert comparison.worst_beta == pytest.approx(0.1 / np.abs(path.betas).max())


def test_a_missing_jump_is_infinitely_wrong(path):
    short = saddles.pesme_flammarion(X, Y, max_jumps=2)
    comparison = saddles.compare(path, short)
    assert not comparison.same_jumps
    assert comparison.worst_time == comparison.worst_loss == math.inf
    assert np.isnan(comparison.measured[-1])
    assert "different numbers" in repr(comparison)


def test_coefficients_that_are_not_unique_are_left_out():
    data = ([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]], [1.0, 1.0])
    path = saddles.pesme_flammarion(*data)
    other = replace(path, betas=path.betas + 1.0)
    assert np.isnan(saddles.compare(path, other).beta_errors[1])


def test_the_flow_approaches_at_the_predicted_rate(path):
    # Jump times deviate by a_k / log(1/alpha) up to exponentially small terms.
    scales = np.array([1e3, 1e4, 1e5])
    comparisons = [
        saddles.compare(path, saddles.flow.diagonal(X, Y, log_alpha=-scale)) for scale in scales
    ]
    errors = np.array([comparison.time_errors for comparison in comparisons])
    constants = errors * scales[:, None]
    np.testing.assert_allclose(constants[1:], constants[:-1], rtol=1e-3, atol=1e-6)
    assert all(comparison.worst_beta < 1e-8 for comparison in comparisons)
    assert all(comparison.same_jumps for comparison in comparisons)


def test_a_wrong_prediction_does_not_converge(path):
    wrong = replace(path, times=path.times * [1, 1, 1.01, 1])
    for scale in (-1e3, -1e5):
        comparison = saddles.compare(wrong, saddles.flow.diagonal(X, Y, log_alpha=scale))
        assert comparison.worst_time > 5e-3


def test_a_flow_that_stops_early_has_no_later_jumps(path):
    flow = saddles.flow.diagonal(X, Y, log_alpha=-1e3, until=9.0)
    comparison = saddles.compare(path, flow)
    assert np.isnan(comparison.measured).tolist() == [False, False, True]
    assert comparison.worst_time == math.inf


def near(first, second):
    """Return two orthogonal features whose jumps come at these times."""
    return np.eye(2), np.array([2 / first, 2 / second])


def test_a_plateau_shorter_than_alpha_resolves_is_marked():
    data = near(0.3275, 0.3292)
    path, flow = saddles.pesme_flammarion(*data), saddles.flow.diagonal(*data, log_alpha=-100.0)
    assert len(flow.jumps()) == 1
    comparison = saddles.compare(path, flow)
    assert comparison.resolved.tolist() == [True, False, True]
    assert comparison.same_jumps
    assert comparison.worst_beta < 1e-6
    assert comparison.worst_loss < 1e-6
    assert comparison.beta_errors[1] > 0.1
    assert "same jumps" in repr(comparison)
    assert "1 plateau too short for this alpha" in repr(comparison)
    finer = saddles.compare(path, saddles.flow.diagonal(*data, log_alpha=-1e4))
    assert finer.resolved.all()
    assert finer.worst_beta < 1e-6


def test_a_plateau_that_alpha_does_resolve_must_be_seen():
    flow = saddles.flow.diagonal(*near(2.0, 2.04), log_alpha=-100.0)
    path = saddles.pesme_flammarion(*near(2.0, 2.04))
    late = saddles.compare(replace(path, times=np.array([0.0, 2.0, 6.0])), flow)
    assert late.resolved.all()
    assert not late.same_jumps
    assert "different numbers of jumps" in repr(late)


@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(2, 8), st.integers(2, 6)),
    scale=st.floats(2.0, 1e3),
)
@settings(max_examples=15)
def test_a_right_flow_makes_the_same_jumps_at_any_scale(seed, shape, scale):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=shape) * np.exp(rng.normal(size=shape[1]) / 2)
    y = X @ rng.normal(size=shape[1]) + 0.3 * rng.normal(size=shape[0])
    path = saddles.pesme_flammarion(X, y)
    comparison = saddles.compare(path, saddles.flow.diagonal(X, y, log_alpha=-scale))
    assert comparison.same_jumps
    falls = -np.diff(path.losses)
    gaps = np.abs(comparison.levels - path.losses)[1:-1]
    share = gaps / np.minimum(falls[:-1], falls[1:])
    assert (share[comparison.resolved[1:-1]] < 0.5).all()


def test_higher_degrees_are_resolved_at_their_own_scale(path):
    # The unit of scaled time is 1/α, so that nothing short of a tie runs into each other.
    steep = replace(path, kappa=3, times=np.array([0.0, 1.0, 1.001, 2.0]))
    seen = resolved_plateaus(steep, -3.0), resolved_plateaus(steep, -1000.0)
    assert [plateaus.tolist() for plateaus in seen] == [[True, False, True, True], [True] * 4]


def test_the_axis_reaches_past_the_last_jump_of_a_run():
    X, y, alpha, rate = np.eye(2), np.array([1.0, 0.98]), 1e-2, 0.02
    u, v, recorder = np.full(2, alpha), np.zeros(2), saddles.Recorder()
    for _ in range(4000):
        residual = y - X @ (u * v)
        recorder.record(residual @ residual / 4, u * v)
        u, v = u + rate * residual * v / 2, v + rate * residual * u / 2
    path = saddles.pesme_flammarion(X, y)
    run = saddles.compare_run(path, recorder, log_alpha=np.log(alpha), learning_rate=rate)
    loss, _ = run.plot().axes
    end = loss.get_xlim()[1]
    assert 2.8 < end < 4
    assert run.measured[-1] == pytest.approx(2.336, abs=1e-3)
    assert run.other.loss(end) < 0.01 * path.losses[0]
    assert loss.lines[0].get_xdata()[-1] == loss.lines[1].get_xdata()[-1] == pytest.approx(end)


def test_points_are_called_what_they_are(path):
    learnt = saddles.agf.relu([[1.0], [-1.0]], [1.0, 0.5], width=4)
    again = saddles.SaddlePath.from_dict(learnt.to_dict())
    for network in (learnt, again):
        below = network.plot().axes[1]
        assert below.get_ylabel() == "outputs f"
        assert below.get_legend().get_texts()[0].get_text() == "f[0]"
    assert "outputs 0" in repr(saddles.compare(learnt, again))
    several = replace(learnt, betas=np.zeros((len(learnt), 2, 2)))
    assert several.plot().axes[1].get_ylabel() == "singular values of outputs"
    wave = np.cos(2 * np.pi * np.arange(5) / 5)
    assert Declared.of(saddles.agf.ModularAddition(wave)).kind == "template"
    assert replace(path, kind="template").plot().axes[1].get_ylabel() == "learnt template x"
    assert path.kind == "coefficients"
    with pytest.raises(ValueError, match="kind='weights'"):
        saddles.SaddlePath.from_dict(path.to_dict() | {"kind": "weights"})


def test_frames(path):
    frame = saddles.compare(path, path).to_frame()
    assert list(frame.index) == [1, 2, 3]
    assert list(frame["predicted"]) == path.times[1:].tolist()


def test_bad_input(path):
    with pytest.raises(TypeError, match="path is a list"):
        saddles.compare([], path)
    with pytest.raises(TypeError, match="other is a int"):
        saddles.compare(path, 3)
    with pytest.raises(ValueError, match=r"shape \(4,\) and flow of shape \(1,\)"):
        saddles.compare(path, saddles.flow.diagonal([[1.0]], [1.0], log_alpha=-100))
    with pytest.raises(ValueError, match=r"\(4,\) and \(1,\)"):
        saddles.compare(path, saddles.pesme_flammarion([[1.0]], [1.0]))


def test_pictures_show_prediction_and_flow(path):
    flow = saddles.flow.diagonal(X, Y, log_alpha=-100)
    figure = saddles.compare(path, flow).plot(names=["a", "b", "c", "d"])
    loss, betas = figure.axes
    predicted = loss.lines[1]
    assert predicted.get_linestyle() == "--"
    assert predicted.get_ydata()[:-1].tolist() == path.losses.tolist()
    labels = [text.get_text() for text in betas.get_legend().get_texts()]
    assert labels == ["a", "c", "d"], "the coefficient that never moves has no line"
    assert loss.lines[0].get_ydata()[0] == pytest.approx(path.losses[0])


def test_pictures_of_paths(path):
    figure = path.plot(log_alpha=-100)
    assert figure.axes[0].lines[0].get_xdata()[1] == pytest.approx(200.0)
    assert "log α = -100" in figure.axes[1].get_xlabel()
    assert saddles.compare(path, path).plot().axes
    nothing = saddles.pesme_flammarion([[1.0], [0.0]], [0.0, 1.0])
    assert nothing.plot().axes


def test_matrices_are_shown_by_their_singular_values():
    loss = saddles.FullMatrix(np.diag([3.0, 2.0, 0.0]))
    path = saddles.greedy_low_rank(loss)
    figure = saddles.compare(path, saddles.flow.full(loss.M, log_alpha=-100)).plot()
    below = figure.axes[1]
    assert below.get_ylabel() == "singular values"
    last = [line.get_ydata()[-1] for line in below.get_lines()[:4]]
    assert sorted(np.round(last, 6)) == [2.0, 2.0, 3.0, 3.0]
    big = saddles.FullMatrix(np.diag(np.arange(401.0) // 400))
    kept = saddles.greedy_low_rank(big, max_rank=2)
    assert isinstance(kept.betas[1], saddles.LowRank)
    assert kept.plot().axes[1].get_lines()[0].get_ydata()[-1] == pytest.approx(1.0)
    assert saddles.compare(kept, kept).worst_beta == 0
    with pytest.raises(ValueError, match="a path of matrices none"):
        path.plot(names=["a", "b", "c"])
