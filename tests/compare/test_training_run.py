"""Training runs beside predictions: real gradient descent, and logs made to be known exactly."""

import json
import math
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import saddles
import saddles.cli
from saddles._compare.log_columns import find_columns

# Jumps that a log's rows straddle are known to the distance of two rows, and no better.
RANDOM = np.random.default_rng(1)
X = RANDOM.normal(size=(30, 3))
Y = X @ [3.0, -2.0, 1.0] + 0.1 * RANDOM.normal(size=30)
PATH = saddles.pesme_flammarion(X, Y)
# One step moves log u by up to |Xᵀy|/n times this, 1.5 %: so much do steps differ from a flow.
RATE = 0.005
UNTIL = 1.3 * PATH.times[-1]


def descend(log_alpha, *, rate=RATE, factor=1.0):
    """Record gradient descent of u ⊙ v on `factor` times the mean loss."""
    every = round(0.02 / rate)
    u, v = np.full(3, math.exp(log_alpha)), np.zeros(3)
    recorder = saddles.Recorder(every=every)
    for _ in range(int(-UNTIL * log_alpha / (rate * factor))):
        residual = Y - X @ (u * v)
        loss = factor * (residual @ residual) / (2 * len(Y))
        recorder.record(loss, u * v)
        pull = rate * factor * X.T @ residual / len(Y)
        u, v = u + pull * v, v + pull * u
    return recorder


@pytest.fixture(scope="module")
def recorder():
    return descend(-30.0)


def measure(log, log_alpha=-30.0, **options):
    return saddles.compare_run(PATH, log, log_alpha=log_alpha, **{"learning_rate": RATE, **options})


def staircase(times, levels, rows=2001, until=1.25):
    """Return columns of a log that steps down at exactly these times."""
    time = np.linspace(0, until * times[-1], rows)
    return {"time": time, "loss": np.asarray(levels)[np.searchsorted(times, time, side="right")]}


def test_gradient_descent_follows_the_prediction_at_the_rate_of_its_initial_scale(recorder):
    coarse, fine = measure(descend(-15.0), -15.0), measure(recorder)
    assert fine.same_jumps
    assert fine.worst_beta < 3e-3
    assert fine.worst_loss < 2e-4
    for run, size in ((coarse, 15.0), (fine, 30.0)):
        assert run.worst_time < 2.0 / size
    # Twice the logarithm, half the error, but for what the finite step adds to both.
    assert_allclose(coarse.time_errors / fine.time_errors, 2.0, rtol=0.2)


def test_gradient_descent_is_the_flow_at_its_own_scale(recorder):
    flow = saddles.compare(PATH, saddles.flow.diagonal(X, Y, log_alpha=-30.0))
    coarse = measure(descend(-30.0, rate=2 * RATE), learning_rate=2 * RATE)
    fine = measure(recorder)
    # Half the learning rate, half the distance to the flow.
    gap = np.abs([run.measured / flow.measured - 1 for run in (coarse, fine)]).max(axis=1)
    assert gap[1] < 1e-2
    assert gap[0] / gap[1] == pytest.approx(2.0, rel=0.2)
    assert_allclose(fine.levels, flow.levels, rtol=1e-3)
    assert_allclose(fine.other.jumps().times, fine.measured, rtol=5e-3)


def test_a_wrong_learning_rate_shows(recorder):
    right = measure(recorder)
    with pytest.warns(UserWarning, match="all 3 jumps come at 2.* times the predicted time"):
        wrong = measure(recorder, learning_rate=2 * RATE)
    assert_allclose(wrong.measured, 2 * right.measured, rtol=1e-12)
    assert wrong.worst_time > 0.5


@pytest.mark.parametrize("factor", [2.0, 0.25, 30.0])
def test_another_loss_is_declared_by_its_factor(factor):
    # The same steps of θ, seen as descent on `factor` times the loss at a smaller learning rate.
    base, other = descend(-8.0), descend(-8.0).columns()
    other["loss"] = other["loss"] * factor
    right = measure(base, -8.0)
    same = measure(other, -8.0, loss_factor=factor, learning_rate=RATE / factor)
    assert_allclose(same.measured, right.measured, rtol=1e-9)
    assert_allclose(same.levels, right.levels, rtol=1e-9)
    if factor > 1:
        meant = f"did you mean loss_factor={factor:g}, the (mean|half-sum) loss"
        with pytest.warns(UserWarning, match=meant):
            measure(other, -8.0)


def diverge(recorder):
    """Descend at a rate that is too large, in single precision."""
    weight = torch.tensor([1.0], requires_grad=True)
    while True:
        loss = ((3 * weight) ** 2).sum()
        recorder.record(loss, weight)
        loss.backward()
        with torch.no_grad():
            weight -= weight.grad
            weight.grad = None


def test_a_recorder_says_at_which_step_training_diverged():
    recorder = saddles.Recorder()
    with pytest.raises(ValueError, match=r"step \d+: loss=inf, so training has diverged") as error:
        diverge(recorder)
    step = int(re.search(r"\d+", str(error.value))[0])
    assert len(recorder) == step, "what came before is kept"
    fresh = saddles.Recorder()
    with pytest.raises(ValueError, match=r"step 7: coefficients=nan, so training has diverged"):
        fresh.record(1.0, [0.0, math.nan], step=7)


def test_really_training_another_loss_needs_its_factor():
    run = measure(descend(-8.0, factor=2.0), -8.0, loss_factor=2.0)
    assert_allclose(run.measured, measure(descend(-8.0), -8.0).measured, rtol=2e-2)


@pytest.mark.parametrize(
    ("factor", "words"), [(60.0, "the sum loss"), (3.0, "is loss_factor right")]
)
def test_a_loss_that_starts_elsewhere_is_asked_about(factor, words):
    log = staircase(PATH.times[1:] * 30 / factor, PATH.losses * factor)
    with pytest.warns(UserWarning, match=words) as caught:
        measure(log, learning_rate=None)
    assert len(caught) == 1, "times say nothing where losses are wrong"
    right = measure(log, learning_rate=None, loss_factor=factor)
    assert_allclose(right.measured, PATH.times[1:], rtol=5e-3)


def test_squares_instead_of_a_product_learn_twice_as_fast():
    scale, rate, losses = math.exp(-30.0), RATE / 2, []
    u = np.full(3, scale)
    v = u.copy()
    for _ in range(int(UNTIL * 30 / (2 * rate))):
        residual = Y - X @ (u * u - v * v)
        losses.append(residual @ residual / 60)
        pull = 2 * rate * X.T @ residual / len(Y)
        u, v = u + pull * u, v - pull * v
    log = {"step": np.arange(len(losses)), "loss": losses}
    assert measure(log, learning_rate=2 * rate).worst_time < 4.0 / 30.0
    assert math.isnan(measure(log, learning_rate=2 * rate).worst_beta)
    assert "coefficients not compared" in repr(measure(log, learning_rate=2 * rate))


@given(
    gaps=st.lists(st.floats(0.3, 2.0), min_size=1, max_size=5),
    drops=st.lists(st.floats(0.05, 2.0), min_size=5, max_size=5),
)
def test_a_staircase_is_found_as_it_is(gaps, drops):
    times = np.cumsum(gaps)
    levels = np.cumsum([0.1, *drops[: len(gaps)]])[::-1]
    log = staircase(times, levels)
    run = saddles.Run(
        times=log["time"], losses=log["loss"], betas=None, point_shape=(1,), log_alpha=-1.0
    )
    found = run.jumps()
    assert len(found) == len(times)
    assert_allclose(found.times, times, atol=2 * log["time"][1])
    assert_allclose(found.losses, levels, rtol=1e-12)


@pytest.mark.parametrize("noise", [0.001, 0.02])
@pytest.mark.parametrize("seed", range(5))
def test_noise_makes_no_jumps(recorder, noise, seed):
    columns, random = recorder.columns(), np.random.default_rng(seed)
    factors = 1 + noise * random.normal(size=len(recorder))
    noisy, quiet = measure(columns | {"loss": columns["loss"] * factors}), measure(recorder)
    found, true = noisy.other.jumps(), quiet.other.jumps()
    assert 2 <= len(found) <= len(true)
    nearest = np.abs(found.times[:, None] - true.times).min(axis=1)
    assert (nearest < 0.05 * found.times).all()
    assert_allclose(noisy.measured, quiet.measured, rtol=0.05)


def test_pure_noise_is_no_staircase():
    random = np.random.default_rng(0)
    log = {"step": np.arange(500), "loss": PATH.losses[0] * (1 + 0.02 * random.normal(size=500))}
    assert len(measure(log).other.jumps()) == 0
    wild = {"step": np.arange(500), "loss": PATH.losses[0] * random.uniform(0.1, 1.9, 500)}
    with pytest.raises(ValueError, match="lower the learning rate"):
        measure(wild)


def test_how_a_log_is_sampled_does_not_matter(recorder):
    columns = pd.DataFrame(recorder.columns())
    rows = np.unique(np.geomspace(1, len(columns) - 1, 3000).astype(int))
    run, thinned = measure(recorder), measure(columns.iloc[rows].reset_index())
    assert len(thinned.other.jumps()) == len(run.other.jumps())
    assert_allclose(thinned.measured, run.measured, rtol=2e-3)


def test_a_log_that_ends_early_says_so(recorder):
    columns = {name: column[:700] for name, column in recorder.columns().items()}
    run = measure(columns)
    seen = np.isfinite(run.measured)
    assert 0 < seen.sum() < len(seen)
    assert run.worst_time == math.inf
    assert not run.same_jumps
    assert len(run.other.jumps()) == seen.sum()


def test_matrices_and_their_times():
    matrix = np.diag([3.0, 1.0])
    path = saddles.greedy_low_rank(saddles.FullMatrix(matrix))
    flow = saddles.flow.full(matrix, log_alpha=-40.0)
    tau = np.linspace(0, 1.4 * path.times[-1], 4000)
    flat = flow.at(tau).reshape(len(tau), -1)
    log = {"time": flow.physical_times(tau), "loss": flow.loss(tau)}
    log |= {f"beta[{k}]": flat[:, k] for k in range(4)}
    run = saddles.compare_run(path, log, log_alpha=-40.0)
    assert run.same_jumps
    assert run.worst_time < 0.05
    assert run.worst_beta < 1e-6
    assert run.plot() is not None


def test_pictures(recorder):
    figure = measure(recorder).plot(names=list("abc"))
    assert "training run, log α = -30" in [t.get_text() for t in figure.axes[0].get_legend().texts]
    columns = {name: recorder.columns()[name] for name in ("step", "loss")}
    labels = [t.get_text() for t in measure(columns).plot().axes[1].get_legend().texts]
    assert labels == [f"β[{k}] predicted" for k in range(3)]


# --- beside the flow ----------------------------------------------------------------------------


def flow_from(log_alpha):
    return saddles.flow.diagonal(X, Y, log_alpha=log_alpha)


def test_a_run_beside_the_flow_is_off_by_its_learning_rate_only():
    rough, fine = (
        measure(descend(-8.0, rate=rate), -8.0, learning_rate=rate, flow=flow_from)
        for rate in (RATE, RATE / 2)
    )
    assert np.abs(fine.time_errors).min() > 0.05, "the scale is what is wrong with the limit"
    assert np.abs(fine.flow_errors).max() < 0.01
    assert_allclose(rough.flow_errors / fine.flow_errors, 2.0, rtol=0.2)
    assert_allclose(fine.flow.measured, saddles.compare(PATH, flow_from(-8.0)).measured)
    frame = fine.to_frame()
    assert_allclose(frame["flow_error"], fine.measured / frame["flow"] - 1)
    assert "relative to the flow" in repr(fine)
    assert np.isnan(measure(descend(-8.0), -8.0).flow_errors).all()


def test_the_picture_shows_run_flow_and_limit(recorder):
    run = measure(recorder, flow=flow_from(-30.0))
    loss, below, clocks = run.plot(features=X).axes
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [
        "training run, log α = -30",
        "gradient flow, log α = -30",
        "predicted (Pesme-Flammarion)",
    ]
    dotted = [line for line in below.get_lines() if line.get_linestyle() == ":"]
    assert len(dotted) == 3
    assert_allclose([line.get_ydata()[-1] for line in dotted], run.flow.other.at(1e9), rtol=1e-3)
    assert max(max(line.get_ydata(), default=0.0) for line in clocks.get_lines()) > 1.01


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        (
            saddles.flow.diagonal(X, Y, log_alpha=-29.0),
            "log_alpha=-29.0, and the run log_alpha=-30",
        ),
        ("flow", "flow='flow' must be a Flow"),
        (lambda log_alpha: None, "must be a Flow"),
        (saddles.flow.diagonal([[1.0]], [1.0], log_alpha=-30.0), "a flow of the same problem"),
    ],
)
def test_a_flow_of_something_else_is_refused(flow, words, recorder):
    with pytest.raises((TypeError, ValueError), match=words):
        measure(recorder, flow=flow)


def followed(flow):
    """Return what a perfect run would log."""
    tau = np.linspace(0, flow.until, 3000)
    points = flow.at(tau).reshape(len(tau), -1)
    columns = {f"beta[{k}]": point for k, point in enumerate(points.T)}
    return {"time": flow.physical_times(tau), "loss": flow.loss(tau), **columns}


class Product:
    """One neuron a w, of degree 2, on the loss (3 - a w)^2 / 2."""

    degree, size = 2, 2

    def residual(self, theta):
        return 3.0 - np.sum(theta[:, 0] * theta[:, 1])

    def loss(self, theta):
        return self.residual(theta) ** 2 / 2

    def gradient(self, theta):
        return -self.residual(theta) * theta[:, ::-1]

    def utility(self, theta, active):
        return self.residual(active) * theta[:, 0] * theta[:, 1]

    def utility_gradient(self, theta, active):
        return self.residual(active) * theta[:, ::-1]

    def point(self, theta):
        return np.array([3.0 - self.residual(theta)])


FULL = saddles.FullMatrix(np.diag([3.0, 1.0, 0.5]))
MOMENTS = np.diag([1.0, 0.8]), np.array([[2.0, 0.24], [0.0, 0.56]])
FAMILIES = {
    "matrix": (
        lambda: saddles.greedy_low_rank(FULL),
        lambda scale: saddles.flow.matrix(FULL, log_alpha=scale),
        "singular values",
    ),
    "linear": (
        lambda: saddles.agf.linear(*MOMENTS),
        lambda scale: saddles.flow.linear(*MOMENTS, log_alpha=scale),
        "singular values",
    ),
    "neurons": (
        lambda: replace(saddles.pesme_flammarion([[1.0]], [3.0]), kind="outputs", duals=None),
        lambda scale: saddles.flow.neurons(Product(), [[1.0, 0.5]], log_alpha=scale),
        "outputs f",
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_its_flow(family):
    make, flow, name = FAMILIES[family]
    path = make()
    run = saddles.compare_run(path, followed(flow(-12.0)), log_alpha=-12.0, flow=flow)
    assert run.same_jumps
    assert np.abs(run.time_errors).max() > 1e-3
    assert np.abs(run.flow_errors).max() < 1e-5
    assert run.plot().axes[1].get_ylabel() == name


@pytest.mark.parametrize("factor", [0.1, 2.0, 30.0])
@pytest.mark.parametrize("beside", [flow_from, None])
def test_one_factor_of_all_times_is_said(factor, beside, recorder):
    with pytest.warns(UserWarning, match="times the (flow's|predicted) time") as caught:
        run = measure(recorder, learning_rate=factor * RATE, flow=beside)
    said = str(caught[0].message)
    found = float(re.search(r"jumps come at (\S+) times", said)[1])
    assert found == pytest.approx(factor, rel=0.02 if beside else 0.1)
    assert "learning_rate" in said
    assert "loss_factor" in said
    assert run.same_jumps, "a wrong unit of time is no other staircase"


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("scale", [-3.0, -8.0, -30.0])
def test_what_the_scale_does_is_no_factor(unit, scale):
    # Warnings are errors here: in large units all jumps are late together, in small ones early.
    path = saddles.pesme_flammarion(X, unit * Y)
    flow = saddles.flow.diagonal(X, unit * Y, log_alpha=scale)
    run = saddles.compare_run(path, followed(flow), log_alpha=scale)
    assert np.isfinite(run.measured).all()


def test_a_recorder_called_every_tenth_step_is_found_out():
    u, v, recorder = np.full(3, 1e-6), np.zeros(3), saddles.Recorder(every=10)
    for step in range(int(UNTIL * 14 / RATE)):
        residual = Y - X @ (u * v)
        if step % 10 == 0:
            recorder.record(residual @ residual / (2 * len(Y)))
        pull = RATE * X.T @ residual / len(Y)
        u, v = u + pull * v, v + pull * u
    scale = math.log(1e-6)
    with pytest.warns(
        UserWarning, match=r"at 0\.1 times the flow's .* called only every 10th step"
    ):
        measure(recorder, scale, flow=flow_from)


def test_momentum_slows_growth_as_its_formula_says():
    """A unit that would grow at γ grows at r, where r (1 + r c η μ / (1 − μ)²) = γ."""
    pull, mu, rate, log_alpha = 0.8, 0.9, 0.002, -40.0
    path = saddles.pesme_flammarion([[1.0]], [pull])
    u, v, recorder = math.exp(log_alpha), 0.0, saddles.Recorder(every=5)
    steps = np.zeros(2)
    for _ in range(6000):
        recorder.record((pull - u * v) ** 2 / 2)
        steps = mu * steps + rate * (pull - u * v) * np.array([v, u])
        u, v = u + steps[0], v + steps[1]
    with pytest.warns(UserWarning, match="1 - mu"):
        run = saddles.compare_run(
            path,
            recorder,
            log_alpha=log_alpha,
            learning_rate=rate / (1 - mu),
            flow=lambda scale: saddles.flow.diagonal([[1.0]], [pull], log_alpha=scale),
        )
    inertia = rate * mu / (1 - mu) ** 2
    slowed = (math.sqrt(1 + 4 * inertia * pull) - 1) / (2 * inertia)
    assert pull / slowed > 1.1
    assert run.flow_errors[0] == pytest.approx(pull / slowed - 1, rel=0.1)


def diabetes_run(steps, alpha, rate, kept):
    """Return features, targets and a log of descent on diabetes, centred and of norm 1."""
    from sklearn.datasets import load_diabetes

    features, targets = load_diabetes(return_X_y=True)
    features = features - features.mean(axis=0)
    features /= np.linalg.norm(features, axis=0)
    targets = targets - targets.mean()
    n = len(targets)
    gram, pulls = features.T @ features / n, features.T @ targets / n
    u, v, recorder = np.full(10, alpha), np.zeros(10), saddles.Recorder(every=kept)
    for step in range(steps):
        beta = u * v
        bent = gram @ beta
        if step % kept == 0:
            recorder.record(targets @ targets / (2 * n) - beta @ (pulls - bent / 2), step=step)
        u, v = u + rate * (pulls - bent) * v, v + rate * (pulls - bent) * u
    return features, targets, recorder


@pytest.mark.parametrize(
    ("steps", "rate", "jumps"),
    [(14000, 5e-3, 7), pytest.param(70000, 1e-3, 7, marks=pytest.mark.slow)],
)
def test_diabetes_is_the_flow_at_its_own_scale(steps, rate, jumps, tmp_path, capsys):
    features, targets, recorder = diabetes_run(steps, 1e-3, rate, steps // 3500)
    recorder.save(tmp_path / "run.csv")
    table = pd.DataFrame(features, columns=list("abcdefghij")).assign(y=targets)
    table.to_csv(tmp_path / "data.csv", index=False)
    arguments = ["--data", str(tmp_path / "data.csv"), "--target", "y", "--alpha", "1e-3"]
    command = ["compare", str(tmp_path / "run.csv"), *arguments, "--learning-rate", str(rate)]
    assert saddles.cli.main([*command, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    limit, flow = record["time_errors"][:jumps], record["flow_errors"][:jumps]
    assert None not in limit + flow
    assert min(limit) > 0.1
    assert np.abs(flow).max() < 0.01
    assert saddles.cli.main(command) == 0
    shown = capsys.readouterr()
    assert shown.err == "", "what the scale does is no common factor"
    assert "jumps 1 to 4, 5 to 8, 9 to 11 run into each other" in shown.out


# --- recorder -----------------------------------------------------------------------------------


def test_recorder_takes_tensors_as_it_takes_numbers(tmp_path):
    plain, torched = saddles.Recorder(every=2), saddles.Recorder(every=2)
    for step in range(7):
        u = torch.full((2, 2), step + 0.1, dtype=torch.float64, requires_grad=True)
        loss = (u**2).sum() / 3
        plain.record(loss.item(), u.detach().numpy())
        torched.record(loss, u, step=step)
    assert len(plain) == len(torched) == 4
    for name, column in plain.columns().items():
        assert (column == torched.columns()[name]).all(), name
    torched.save(tmp_path / "run.csv")
    kept = pd.read_csv(tmp_path / "run.csv")
    assert list(kept) == ["step", "loss", "beta[0]", "beta[1]", "beta[2]", "beta[3]"]
    assert (kept.to_numpy() == np.stack(list(plain.columns().values()), axis=1)).all()


def test_recorder_copies_what_it_keeps():
    recorder, point = saddles.Recorder(), np.zeros(2)
    for step in range(3):
        point += 1
        recorder.record(1.0 / (step + 1), point)
    assert recorder.columns()["beta[0]"].tolist() == [1.0, 2.0, 3.0]


def test_a_saved_log_is_the_log(recorder, tmp_path):
    recorder.save(tmp_path / "run.csv")
    for file in (tmp_path / "run.csv", str(tmp_path / "run.csv")):
        assert (measure(file).measured == measure(recorder).measured).all()


@pytest.mark.parametrize(
    ("calls", "match"),
    [
        ([(1.0, None, 3), (1.0, None, 3)], "step=3"),
        ([(float("nan"), None, None)], "step 0: loss=nan, so training has diverged"),
        ([([1.0, 2.0], None, None)], "one number per step"),
        ([(1.0, [1.0], None), (1.0, None, None)], "every step, or at none"),
        ([(1.0, None, None), (1.0, [1.0], None)], "every step, or at none"),
        ([(1.0, [1.0], None), (1.0, [1.0, 2.0], None)], "one model per recorder"),
    ],
)
def test_recorder_refuses(calls, match):
    recorder = saddles.Recorder()
    *before, (loss, point, step) = calls
    for entry in before:
        recorder.record(*entry[:2], step=entry[2])
    with pytest.raises((TypeError, ValueError), match=match):
        recorder.record(loss, point, step=step)
    with pytest.raises(ValueError, match="nothing is recorded"):
        saddles.Recorder().columns()


STEPS = {"step": [0, 1, 2], "loss": [6.0, 5.0, 1.0]}
BAD = {
    "no clock": ({"hour": [0, 1, 2], "loss": [6.0, 5.0, 1.0]}, {}, "'step' or a column 'time'"),
    "two clocks": (STEPS | {"time": [0, 1, 2]}, {}, "'step' or a column 'time'"),
    "no loss": ({"step": [0, 1, 2]}, {}, "column 'loss'"),
    "lengths": ({"step": [0, 1, 2, 3], "loss": [6.0, 5.0, 1.0]}, {}, "same number of rows"),
    "diverged": (
        {"step": [0, 1, 2], "loss": [6.0, 5.0, math.inf]},
        {},
        "if training diverged, end",
    ),
    "order": ({"step": [0, 2, 2], "loss": [6.0, 5.0, 1.0]}, {}, "must increase"),
    "before 0": ({"step": [-1, 2, 3], "loss": [6.0, 5.0, 1.0]}, {}, "start at 0"),
    "short": ({"step": [0, 2], "loss": [6.0, 5.0]}, {}, "2 rows"),
    "some coefficients": (STEPS | {"beta[1]": [0, 0, 0]}, {}, r"no 'beta\[0\]'"),
    "names": (STEPS, {"names": ["a"]}, "each of the 3"),
    "not a log": ([1, 2, 3], {}, "must be a saddles.Recorder"),
    "no rate": (STEPS, {"learning_rate": None}, "declare its learning rate"),
    "rate": (STEPS, {"learning_rate": -1.0}, "learning_rate=-1.0"),
    "factor": (STEPS, {"loss_factor": 0.0}, "loss_factor=0.0"),
    "drop": (STEPS, {"smallest_drop": 1.0}, "smallest_drop=1.0"),
    "scale": (STEPS, {"log_alpha": 0.1}, "log_alpha=0.1"),
    "rate of times": ({"time": [0, 1, 2], "loss": [6.0, 5.0, 1.0]}, {}, "need none"),
    "no file": ("nosuch.csv", {}, "nosuch.csv"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_named(kind):
    log, options, match = BAD[kind]
    with pytest.raises((TypeError, ValueError), match=match):
        measure(log, **options)


def test_only_a_path_predicts():
    with pytest.raises(TypeError, match="must be a SaddlePath"):
        saddles.compare_run(None, STEPS, log_alpha=-1.0, learning_rate=1.0)


def test_the_torch_loop_of_the_page_runs_and_its_command_too(tmp_path, monkeypatch, capsys):
    """The loop shown in docs/runs.md, on the data of that page, is the numpy run beside it."""
    page = (Path(__file__).parents[2] / "docs" / "runs.md").read_text("utf-8")
    loop = re.search(r"```python\n(.*?)```", page, flags=re.DOTALL)[1]
    command = re.search(r"^    (saddles compare .*)$", page, flags=re.MULTILINE)[1]
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(loop, names)
    X, y = names["X"].double(), names["y"].double()
    pd.DataFrame(X.numpy(), columns=list("abc")).assign(y=y.numpy()).to_csv("data.csv", index=False)
    path = saddles.pesme_flammarion(X.numpy(), y.numpy())
    run = saddles.compare_run(
        path, "run.csv", log_alpha=math.log(1e-6), learning_rate=0.01, loss_factor=2
    )
    assert run.measured.round(2)[:2].tolist() == [0.65, 3.06]
    assert saddles.cli.main([*shlex.split(command)[1:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["measured_times"][:2] == run.measured[:2].tolist()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["step", "loss", "Step"], ("step", "step", "loss")),
        (["time", "loss"], ("time", "time", "loss")),
        (["Epoch", "Train_Loss", "val_loss"], ("Epoch", "step", "Train_Loss")),
        (["epoch", "step", "train/loss", "lr"], ("step", "step", "train/loss")),
        (["Wall time", "Step", "Value"], ("Step", "step", "Value")),
        (["Step", "a-1 - loss", "a-1 - loss__MIN", "a-1 - _step"], ("Step", "step", "a-1 - loss")),
        ([0, "iteration", "loss"], ("iteration", "step", "loss")),
    ],
)
def test_columns_of_logs_are_known_by_what_others_call_them(names, expected):
    found = find_columns(names, "log")
    assert (found.clock, found.kind, found.loss) == expected


def test_a_row_of_a_log_that_is_wrong_is_named(tmp_path):
    for rows, words in (
        ("0,6\n1,5\n# restarted\n1,4\n2,3\n", "row 5: step=1.0 follows step=1.0"),
        ("-1,6\n1,5\n2,4\n", "row 2: step=-1.0: times start at 0"),
        ("0,6\n1,nan\n2,4\n", "row 3, column 'loss': 'nan' is not finite; if training diverged"),
    ):
        (tmp_path / "run.csv").write_text(f"step,loss\n{rows}")
        with pytest.raises(ValueError, match=words):
            saddles.compare_run(PATH, tmp_path / "run.csv", log_alpha=-8.0, learning_rate=1e-3)


def test_a_log_that_makes_no_jump_compares_no_time():
    """A worst error of zero would read like perfect agreement."""
    path = saddles.pesme_flammarion([[1.0, 0.0], [0.0, 1.0]], [1.0, 0.5])
    log = {"step": [0, 1, 2], "loss": [path.losses[0]] * 3}
    run = saddles.compare_run(path, log, log_alpha=-9.0, learning_rate=0.1)
    assert "0 of 2 jumps reached, worst relative time error not compared" in repr(run)
    with pytest.raises(ValueError, match=r"the log has one row; "):
        saddles.compare_run(path, {"step": [0], "loss": [1.0]}, log_alpha=-9.0, learning_rate=0.1)
