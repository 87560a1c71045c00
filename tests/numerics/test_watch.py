"""Long work: what a time limit returns is the beginning of the whole; bars, and the log."""

import inspect
import itertools
import logging
import sys

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

import saddles
from saddles import Status
from saddles._numerics import watch
from saddles._numerics.watch import OutOfTime, counting, share, tick, watching
from saddles._result.flow import Flow
from saddles._tools.record import same
from saddles.implicit_bias import _convex, _l1
from tests.surface import public_functions

X = np.array([[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]])
Y = np.array([1.0, 0.0])
ROUNDING = 1e-12
MOMENTS = np.array([[2.0, 0.3], [0.3, 1.0]]), np.array([[3.0, 1.0], [0.0, 1.0]])
COMPLETION = saddles.MatrixCompletion(
    [[3.0, 1.0], [1.0, 3.0]], np.array([[True, True], [True, False]])
)
NEURONS = np.array([[1.0, 0.5, 0.1], [0.2, 1.0, 0.4]])


class Products:
    """Neurons a(w·x), one target."""

    size, degree = 3, 2
    inputs, target = np.array([[2.0, 1.0], [0.5, 1.0]]), np.array([3.0, -1.0])

    def point(self, theta):
        return (theta[:, :1] * (theta[:, 1:] @ self.inputs.T)).sum(axis=0)

    def residual(self, theta):
        return self.target - self.point(theta)

    def loss(self, theta):
        return float(self.residual(theta) @ self.residual(theta)) / 2

    def gradient(self, theta):
        return -self.utility_gradient(theta, theta)

    def utility(self, theta, active):
        return theta[:, 0] * (theta[:, 1:] @ (self.inputs.T @ self.residual(active)))

    def utility_gradient(self, theta, active):
        pull = self.inputs.T @ self.residual(active)
        return np.column_stack([theta[:, 1:] @ pull, theta[:, :1] * pull])


def linear(theta, inputs):
    return theta[0] * (inputs @ theta[1:])


#: What may take long, on little data.
LONG = {
    "pesme_flammarion": ((X, Y), {}),
    "greedy_low_rank": ((COMPLETION,), {}),
    "agf.diagonal": ((X, Y), {"log_alpha": -1e4}),
    "agf.linear": (MOMENTS, {}),
    "agf.relu": ((X.T, [1.0, 0.0, 0.5, -1.0]), {"width": 4}),
    "agf.attention": ((np.diag([3.0, 1.0]), 20), {"heads": 3}),
    "agf.modular_addition": ((np.cos(2 * np.pi * np.arange(3) / 3),), {"width": 1}),
    "agf.group_composition": ((saddles.groups.cyclic(2), [1.0, -1.0]), {"width": 1}),
    "agf.network": ((linear, X.T, [1.0, 0.0, 0.5, -1.0], np.eye(3)), {"degree": 2}),
    "flow.diagonal": ((X, Y), {"log_alpha": -1e3}),
    "flow.matrix": ((COMPLETION,), {"log_alpha": -1e2}),
    "flow.linear": (MOMENTS, {"log_alpha": -1e2}),
    "flow.neurons": ((Products(), NEURONS), {"log_alpha": -20.0}),
    "neuron.function_space_flow": ((X, Y), {"beta0": np.full(4, 0.1), "delta": 0.0}),
}


def call(name, **options):
    room, _, member = name.rpartition(".")
    home = getattr(saddles, room) if room else saddles
    arguments, given = LONG[name]
    return getattr(home, member)(*arguments, **given, **options)


@pytest.fixture
def ticking(monkeypatch):
    """Let the clock go on by one second whenever it is read."""
    clock = itertools.count()
    monkeypatch.setattr(watch.time, "monotonic", lambda: float(next(clock)))
    return clock


@pytest.mark.parametrize("name", LONG)
def test_what_there_was_time_for_is_the_beginning_of_the_whole(name, ticking, capfd):
    begin = next(ticking)
    whole = call(name, time_limit=1e9, progress=True)
    looks = next(ticking) - begin
    assert whole.success
    assert whole.status is not Status.TIME_LIMIT
    counted = "steps" if isinstance(whole, Flow) else f"{len(whole) - 1} jumps"
    assert counted in capfd.readouterr().err
    cut = call(name, time_limit=looks // 2)
    assert cut.status is Status.TIME_LIMIT
    assert cut.success
    assert not cut.status.finished
    assert capfd.readouterr().err == ""
    if isinstance(whole, Flow):
        assert 0 < cut.until < whole.until
        taus = np.linspace(0, cut.until, 7)
        assert_allclose(cut.at(taus), whole.at(taus), rtol=1e-6, atol=1e-8)
    else:
        assert len(cut) <= len(whole)
        assert (cut.times == whole.times[: len(cut)]).all()
        assert (cut.losses == whole.losses[: len(cut)]).all()


def test_all_that_returns_a_path_or_a_flow_takes_both():
    """Of flows with a closed form, which is all there at once, no part could be returned."""
    closed = {saddles.flow.full, saddles.flow.whitened}
    found = set()
    for name, function in public_functions().items():
        signature = inspect.signature(function)
        if signature.return_annotation in ("SaddlePath", "NeuronPath", "Flow"):
            takes = {"progress", "time_limit"} <= set(signature.parameters)
            assert takes != (function in closed), name
            found.add(name.removeprefix("saddles."))
    assert found >= set(LONG)


def test_a_limit_is_extrapolated_from_the_scales_there_was_time_for(ticking):
    path, scales = saddles.pesme_flammarion(X, Y), [-1e3, -1e4, -1e5]

    def extrapolated(limit):
        def flow(scale):
            if scale < -5e4:
                [next(ticking) for _ in range(10**6)]  # so late is it now
            return saddles.flow.diagonal(X, Y, log_alpha=scale)

        return saddles.vanishing_limit(path, flow, log_alphas=scales, time_limit=limit)

    whole, cut = extrapolated(1e9), extrapolated(1e5)
    assert whole.status is Status.CONVERGED
    assert cut.status is Status.TIME_LIMIT
    assert cut.log_alphas.tolist() == scales[:2]
    assert_allclose(cut.jump_times, whole.jump_times, atol=1e-6)
    with pytest.raises(TimeoutError, match="time_limit=5"):
        extrapolated(5)


def test_a_flow_that_was_cut_short_is_not_measured(ticking):
    path = saddles.pesme_flammarion(X, Y)
    looks = iter([1e9, 20, 20])

    def flow(scale):
        return saddles.flow.diagonal(X, Y, log_alpha=scale, time_limit=next(looks))

    with pytest.raises(ValueError, match="before its loss falls"):
        saddles.vanishing_limit(path, flow)


def test_the_best_point_of_least_norm_so_far(monkeypatch):
    """The first one misses the last feature, and is refined."""
    X, y = [[1.0, 0.0], [0.0, 1.0]], [1.0, 1e-8]
    assert saddles.implicit_bias.l1(X, y, time_limit=60.0).status == "optimal"
    monkeypatch.setattr(_l1, "_vertices", cut_short)
    end = saddles.implicit_bias.l1(X, y, time_limit=60.0)
    assert (end.status, end.beta.tolist()) == ("time_limit", [1.0, 0.0])
    assert end.feasibility > 1e-9


def cut_short(problem):
    yield np.array([1.0, 0.0])
    raise OutOfTime(60.0)


IMPATIENT = {
    "l1": lambda **options: saddles.implicit_bias.l1(X, Y, **options),
    "diagonal": lambda **options: saddles.implicit_bias.diagonal(X, Y, log_alpha=-50.0, **options),
    "single_neuron": lambda **options: saddles.implicit_bias.single_neuron(
        X, Y, np.full(4, 0.1), 1.0, **options
    ),
}


@pytest.mark.parametrize("name", ["l1", "diagonal"])
def test_minimisations_have_a_limit_and_a_bar(name, ticking, capfd):
    with pytest.raises(TimeoutError, match=r"time_limit=0\.5"):
        IMPATIENT[name](time_limit=0.5)
    assert IMPATIENT[name](time_limit=1e9, progress=True).gap < 1e-9
    assert "[" in capfd.readouterr().err


@pytest.mark.parametrize("name", IMPATIENT)
def test_the_limit_is_that_of_a_solver_of_cvxpy(name, monkeypatch):
    assert IMPATIENT[name](method="cvxpy", time_limit=600.0).status == "optimal"
    with pytest.raises(TimeoutError, match="time_limit=1e-09"):
        IMPATIENT[name](method="cvxpy", time_limit=1e-9)
    monkeypatch.setattr(_convex, "LIMITS", {"ABSENT": "time_limit"})
    with pytest.raises(RuntimeError, match="time_limit needs one of the solvers ABSENT"):
        IMPATIENT[name](method="cvxpy", time_limit=600.0)


@pytest.mark.parametrize("log_alpha", [-1.0, -50.0, -1e6])
def test_the_minimiser_of_the_last_scale_passed(log_alpha, ticking):
    """It meets the constraint, and its gap bounds how far it is above the minimum."""

    def minimised(limit):
        return saddles.implicit_bias.diagonal(X, Y, log_alpha=log_alpha, time_limit=limit)

    whole, gaps = minimised(1e9), []
    for looks in itertools.count(4, 3):
        end = minimised(looks)
        if end.status == "optimal":
            break
        assert end.status == "time_limit"
        assert end.feasibility < 1e-12
        above = (end.objective - whole.objective) / abs(end.objective)
        assert -ROUNDING <= above <= end.gap + ROUNDING
        gaps.append(end.gap)
    assert end == whole
    assert len(gaps) > 1
    assert gaps[-1] < gaps[0] < 1


@pytest.mark.parametrize("step", [None, 0.01])
def test_training_has_a_limit_and_a_bar(step, ticking, capfd):
    net = torch.nn.Linear(2, 1)

    def run(times, **options):
        samples = torch.eye(2)
        return saddles.conserved.checkpoints(
            net, samples, lambda outputs: ((outputs - 1) ** 2).mean(), times, step=step, **options
        )

    with pytest.raises(TimeoutError, match=r"time_limit=3"):
        run([1.0, 2.0], time_limit=3)
    cut, whole = run([0.0, 2.0], time_limit=3), run([0.0, 2.0], time_limit=1e9, progress=True)
    assert (cut.status, whole.status) == (Status.TIME_LIMIT, None)
    assert (cut.times.tolist(), whole.times.tolist()) == ([0.0], [0.0, 2.0])
    assert same(cut[0], whole[0])
    assert "gradient" in capfd.readouterr().err


@pytest.mark.parametrize("limit", [0, -1.0, float("nan"), "soon", True])
def test_a_limit_is_a_number_of_seconds(limit):
    with pytest.raises((TypeError, ValueError), match="time_limit="):
        saddles.pesme_flammarion(X, Y, time_limit=limit)


def test_progress_is_on_or_off():
    with pytest.raises(TypeError, match="progress=1 must be True or False"):
        saddles.pesme_flammarion(X, Y, progress=1)


def test_without_tqdm_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match=r"pip install 'saddles\[progress\]'"):
        saddles.pesme_flammarion(X, Y, progress=True)


def test_nothing_found_is_an_error(ticking):
    with pytest.raises(TimeoutError, match=r"time_limit=0.5: .* before there was anything"):
        call("flow.diagonal", time_limit=0.5)


def seconds():
    """Work until the time is over; return how many seconds that was."""
    count = 0
    try:
        while True:
            tick()
            count += 1
    except OutOfTime:
        return count


def test_work_inside_of_work_may_take_no_longer(ticking):
    with watching(time_limit=50):
        with watching(time_limit=1e6):
            assert 40 < seconds() < 51
        with pytest.raises(OutOfTime, match="time_limit=50"):
            tick()
    tick()  # the limit is gone with its work


def test_a_share_of_the_time(ticking):
    with watching(time_limit=100):
        with share(1 / 2):
            assert 40 < seconds() < 51
        assert 40 < seconds() < 51


def test_loops_inside_of_a_loop_show_no_bar(capfd):
    with watching(progress=True), counting("outer", "steps") as outer:
        with counting("inner", "steps") as inner:
            inner("")
        outer("so far")
    said = capfd.readouterr().err
    assert "1 steps" in said
    assert "so far" in said
    assert "inner" not in said


def test_the_log_says_what_is_found(caplog):
    with caplog.at_level(logging.DEBUG, logger="saddles"):
        saddles.pesme_flammarion(X, Y)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[1].startswith("Pesme-Flammarion: jump 1, tau 2, loss ")
    assert lines[-1].startswith("Pesme-Flammarion: 3 jumps, converged")
    assert {record.name for record in caplog.records} == {"saddles"}
