"""Teacher and student: the start, the descent, what is measured, and the talk's order."""

import itertools
import math
import pickle
from functools import partial
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from saddles import Status, kernel, teacher_student
from saddles._numerics import watch

ROUNDING = 1e-12
SMALL = {"dimension": 4, "n_train": 12, "width": 10}


@given(
    st.floats(-6, 2).map(lambda e: 10.0**e),
    st.floats(-5, 5),
    st.integers(0, 10_000),
)
def test_a_start_has_the_scales_that_were_asked_for_and_computes_zero(scale, delta, seed):
    W, a = teacher_student.student(scale, delta, seed, dimension=3, width=8)
    norms = np.linalg.norm(W, axis=1)
    assert np.allclose(np.abs(a) * norms, scale**2, rtol=ROUNDING)
    size = a**2 + norms**2
    assert np.allclose(a**2 - norms**2, delta, rtol=0, atol=ROUNDING * size)
    fit = np.maximum(np.random.default_rng(0).normal(size=(5, 3)) @ W.T, 0) @ a
    assert np.abs(fit).max() <= ROUNDING * scale**2


def test_scales_do_not_change_what_is_drawn_and_sizes_change_only_themselves():
    first, second = (teacher_student.student(s, d, 3) for s, d in ((1.0, 0.0), (0.1, 1.0)))
    assert (np.sign(first[1]) == np.sign(second[1])).all()
    directions = [W / np.linalg.norm(W, axis=1, keepdims=True) for W, _ in (first, second)]
    assert np.allclose(*directions, rtol=0, atol=ROUNDING)
    small, large = (teacher_student.task(3, n_test=count) for count in (10, 20))
    assert (small.X == large.X).all()
    assert (small.W == large.W).all()
    assert np.allclose(np.linalg.norm(small.W, axis=1), 1)
    assert set(np.abs(small.a)) == {1.0}
    assert np.allclose(small.y, np.maximum(small.X @ small.W.T, 0) @ small.a)
    assert not np.allclose(teacher_student.task(4).X, small.X)
    first_rows = [small.W[0], small.X[0], small.test_X[0], directions[0][0]]
    for k, row in enumerate(first_rows):
        assert all(abs(row @ other) < 0.99 for other in first_rows[:k])


def loss_of(X, y):
    def loss(W, a):
        return ((torch.tensor(y) - torch.relu(torch.tensor(X) @ W.T) @ a) ** 2).mean() / 2

    return loss


@given(st.integers(0, 1000))
def test_a_step_is_one_of_gradient_descent_and_no_longer_than_the_curvature_allows(seed):
    """The gradient is torch's, and the step times the norm of torch's Hessian at most `step`."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(5, 2)), rng.normal(size=5)
    W, a = rng.normal(size=(4, 2)), rng.normal(size=4)
    loss = loss_of(X, y)
    start, end = islice(teacher_student.descent(X, y, W, a, step=0.7), 2)
    tensors = torch.tensor(W), torch.tensor(a)
    slopes = torch.func.grad(loss, (0, 1))(*tensors)
    assert np.allclose(end.W, W - end.time * slopes[0].numpy(), rtol=0, atol=ROUNDING)
    assert np.allclose(end.a, a - end.time * slopes[1].numpy(), rtol=0, atol=ROUNDING)
    assert math.isclose(start.loss, float(loss(*tensors)), rel_tol=ROUNDING)

    def flat(z):
        return loss(z[:8].reshape(4, 2), z[8:])

    hessian = torch.autograd.functional.hessian(flat, torch.tensor(np.append(W, a)))
    norm = float(torch.linalg.matrix_norm(hessian, 2))
    assert end.time * norm <= 0.7 * (1 + ROUNDING)


def test_the_loss_never_rises():
    goal = teacher_student.task(0, dimension=4, n_train=12)
    for scale, delta in ((0.05, 0.0), (1.0, -2.0), (0.1, 2.0)):
        W, a = teacher_student.student(scale, delta, 0, dimension=4, width=10)
        states = teacher_student.descent(goal.X, goal.y, W, a, step=1.0)
        losses = np.array([state.loss for state in islice(states, 300)])
        assert (np.diff(losses) <= ROUNDING * losses[0]).all()
        assert losses[-1] < losses[0]


def test_dead_neurons_stand_still():
    states = teacher_student.descent([[1.0, 0.0]], [1.0], [[-1.0, 0.0]], [1.0])
    first, second = islice(states, 2)
    assert (first.W == second.W).all()
    assert second.time == 0


def test_conservation_is_of_first_order_in_the_step():
    """Over the same stretch of training, halving the step halves the drift of a² − |w|²."""
    drifts = [
        teacher_student.train(0.3, 0.5, 1, step=step, **SMALL).conservation
        for step in (0.4, 0.2, 0.1)
    ]
    order = np.polyfit(np.log([0.4, 0.2, 0.1]), np.log(drifts), 1)[0]
    assert abs(order - 1) < 0.1


def test_the_outcome_is_what_was_measured():
    outcome = teacher_student.train(0.2, -0.3, 5, **SMALL)
    goal = teacher_student.task(5, dimension=4, n_train=12)
    start, end = outcome.start, outcome.end
    assert outcome.status is Status.FITTED
    assert outcome.train_error <= 1e-3

    def network(X, state):
        return np.maximum(X @ state.W.T, 0) @ state.a

    for X, y, error in (
        (goal.X, goal.y, outcome.train_error),
        (goal.test_X, goal.test_y, outcome.test_error),
    ):
        assert math.isclose(np.mean((y - network(X, end)) ** 2) / np.mean(y**2), error)
    flips = [
        (x @ v > 0) != (x @ w > 0) for x in goal.X for v, w in zip(start.W, end.W, strict=True)
    ]
    assert math.isclose(np.mean(flips), outcome.hamming_distance)
    moved = np.concatenate([(end.W - start.W).ravel(), end.a - start.a])
    assert math.isclose(np.linalg.norm(moved), outcome.parameter_distance)
    kernels = []
    for state in (start, end):
        net = torch.nn.Sequential(
            torch.nn.Linear(4, 10, bias=False), torch.nn.ReLU(), torch.nn.Linear(10, 1, bias=False)
        )
        weights = {"0.weight": state.W, "2.weight": state.a[None]}
        kernels.append(kernel.empirical(net, goal.X, parameters=weights))
    assert math.isclose(kernel.distance(*kernels), outcome.kernel_distance, rel_tol=1e-9)


def test_a_student_that_is_the_teacher_has_nothing_to_do():
    goal = teacher_student.task(2)
    state = next(teacher_student.descent(goal.X, goal.y, goal.W, goal.a))
    assert state.loss < ROUNDING


def test_the_kernel_moves_most_from_small_scales_and_upstream_starts():
    """The talk's order, on the same data and directions each."""

    def distances(scale, delta):
        return np.array(
            [
                teacher_student.point(scale, delta, seed, step=1.0)["kernel_distance"]
                for seed in range(3)
            ]
        )

    small, large = distances(0.1, 0.0), distances(1.5, 0.0)
    assert (small > 10 * large).all()
    downstream, upstream = distances(0.1, -1.0), distances(0.1, 1.0)
    assert (upstream > 3 * downstream).all()


def test_a_point_can_be_sent_to_a_worker_and_repeated():
    job = partial(teacher_student.point, tolerance=1e-2, **SMALL)
    sent = pickle.loads(pickle.dumps(job))
    numbers = sent(0.3, 0.2, 1)
    assert numbers == job(scale=0.3, delta=0.2, seed=1)
    assert numbers["status"] == "fitted"
    assert all(isinstance(value, int | float | str) for value in numbers.values())
    assert pickle.loads(pickle.dumps(numbers)) == numbers


def test_extreme_starts_keep_their_small_weights():
    for delta in (1e140, -1e140):
        W, a = teacher_student.student(1e-70, delta, 0, dimension=3, width=4)
        norms = np.linalg.norm(W / 1e-100, axis=1) if delta > 0 else np.linalg.norm(W, axis=1)
        products = np.abs(a) * norms * (1e-100 if delta > 0 else 1)
        assert np.allclose(products / 1e-140, 1, rtol=ROUNDING)


def test_a_start_whose_rounding_exceeds_the_tolerance_is_refused():
    """Beyond such scales the outputs of 1e16 cancel to about 1, not to 0."""
    with pytest.raises(ValueError, match=r"scale=100000000\.0: .* take a smaller scale"):
        teacher_student.train(1e8, 0.0, 0)
    with pytest.raises(ValueError, match=r"tolerance=0\.001"):
        teacher_student.train(1e70, 1.0, 0)
    assert teacher_student.train(1e4, 0.0, 0, max_steps=1, **SMALL).train_error < 1


def test_an_unfinished_training_says_so():
    outcome = teacher_student.train(0.1, 0.0, 0, max_steps=3)
    assert outcome.status is Status.MAX_STEPS
    assert outcome.steps == 3
    assert outcome.train_error > 0.5


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: teacher_student.student(0.0, 1.0, 0), ValueError, "scale=0.0"),
        (lambda: teacher_student.student(1.0, math.inf, 0), ValueError, "delta=inf"),
        (lambda: teacher_student.student(1.0, 0.0, 0, width=3), ValueError, "width=3"),
        (lambda: teacher_student.student(1.0, 0.0, -1), ValueError, "seed=-1"),
        (lambda: teacher_student.task(None), TypeError, "seed=None"),
        (lambda: teacher_student.task(0, n_train=0), ValueError, "n_train=0"),
        (lambda: teacher_student.student(1.0, 0.0, 0, width=4.0), TypeError, r"at least 1\."),
        (lambda: teacher_student.train(1.0, 0.0, 0, step=0.0), ValueError, "step=0.0"),
        (lambda: teacher_student.train(1.0, 0.0, 0, tolerance=2.0), ValueError, "tolerance=2.0"),
        (lambda: teacher_student.descent([[1.0]], [1.0], [[1.0, 2.0]], [1.0]), ValueError, "W has"),
        (lambda: teacher_student.descent([[1.0]], [1.0, 2], [[1.0]], [1.0]), ValueError, "rows"),
        (lambda: teacher_student.point(1.0, 0.0, 0, nosuch=1), TypeError, "nosuch"),
    ],
)
def test_errors_name_the_value_and_the_rule(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_teacher_that_says_zero_is_refused():
    """One sample in one dimension, on the side that no teacher's neuron sees."""
    sizes = {"dimension": 1, "n_train": 1, "teacher_width": 1, "width": 2}
    seeds = [s for s in range(20) if not teacher_student.task(s, **_task(sizes)).y.any()]
    assert seeds
    with pytest.raises(ValueError, match="zero on all"):
        teacher_student.train(1.0, 0.0, seeds[0], **sizes)
    untested = {"dimension": 1, "n_test": 1, "teacher_width": 1, "width": 2}
    drawn = {s: teacher_student.task(s, **_task(untested)) for s in range(40)}
    seed = next(s for s, goal in drawn.items() if goal.y.any() and not goal.test_y.any())
    with pytest.raises(ValueError, match="all test"):
        teacher_student.train(1.0, 0.0, seed, **untested)


def _task(sizes):
    return {name: value for name, value in sizes.items() if name != "width"}


def test_training_stops_when_its_time_is_over(monkeypatch, capfd):
    clock = itertools.count()
    monkeypatch.setattr(watch.time, "monotonic", lambda: float(next(clock)))
    cut = teacher_student.train(0.1, 0.0, seed=0, time_limit=20, progress=True)
    assert cut.status is Status.TIME_LIMIT
    assert "20/100000" in capfd.readouterr().err
    same = teacher_student.train(0.1, 0.0, seed=0, max_steps=cut.steps)
    assert cut.steps == 20
    assert (cut.time, cut.train_error) == (same.time, same.train_error)
