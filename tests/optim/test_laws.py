"""Laws of the trainer, on random data."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saddles.optim import AGF, maximise_utility

#: Growth is short: laws hold for every jump.
SHORT = {"max_neurons": 3, "patience": None}


@dataclass(frozen=True)
class Problem:
    """Samples, targets, where ascents start, and the neuron."""

    X: np.ndarray
    Y: np.ndarray
    starts: np.ndarray
    neuron: str

    def path(self, **options):
        trainer = AGF(self.neuron, **({"starts": self.starts} | SHORT | options))
        return list(trainer.steps(self.X, self.Y))


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, d, c = draw(st.integers(20, 60)), draw(st.integers(1, 4)), draw(st.integers(1, 2))
    X = rng.standard_normal((n, d))
    Y = np.maximum(X @ rng.standard_normal((d, 2)), 0) @ rng.standard_normal((2, c))
    Y += draw(st.sampled_from([0.0, 0.3])) * rng.standard_normal((n, c))
    neuron = draw(st.sampled_from(["relu", "leaky", "quadratic"]))
    return Problem(X, Y, rng.standard_normal((6, d + 1)), neuron)


def losses(path):
    return [step.loss for step in path]


@given(problems(), st.sampled_from([0.0, 1e-3]), st.sampled_from(["auto", "lbfgs", "outputs"]))
@settings(max_examples=15)
def test_every_jump_lowers_the_cost_or_reaches_a_new_best_score(problem, ridge, cost):
    active, best, before = set(), np.inf, np.inf
    for step in problem.path(ridge=ridge, cost=cost):
        active = active - {*step.left.tolist()} | {*step.entered.tolist()}
        assert active == {*step.active.tolist()}
        assert step.network.width == step.neurons == len(active)
        assert step.loss == pytest.approx(np.sum((step.beta - problem.Y) ** 2) / 2 / len(step.beta))
        assert step.penalised < before or step.score < best
        before, best = step.penalised, min(best, step.score)


@given(problems(), st.integers(0, 3))
@settings(max_examples=10)
def test_the_same_seed_gives_the_same_bits_up_to_the_largest_width(problem, seed):
    whole, part = (problem.path(starts=4, seed=seed, max_neurons=m) for m in (3, 2))
    for long, short in zip(whole, part, strict=False):
        assert long.beta.tobytes() == short.beta.tobytes()
        assert long.network.weights.tobytes() == short.network.weights.tobytes()


@given(problems(), st.integers(-40, 40), st.integers(-40, 40))
@settings(max_examples=10)
def test_units_of_samples_and_targets_do_not_matter(problem, samples, targets):
    X, Y = problem.X * 4.0**samples, problem.Y * 4.0**targets
    starts = problem.starts * np.append(np.ones(X.shape[1]), 4.0**samples)
    scaled = Problem(X, Y, starts, problem.neuron).path()
    assert np.array(losses(scaled)) / 16.0**targets == pytest.approx(losses(problem.path()))


@given(problems(), st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_order_and_rotation_of_samples_do_not_matter(problem, seed):
    rng = np.random.default_rng(seed)
    rows, d = rng.permutation(len(problem.X)), problem.X.shape[1]
    Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    turned = np.column_stack([problem.starts[:, :-1] @ Q, problem.starts[:, -1]])
    moved = Problem(problem.X[rows] @ Q, problem.Y[rows], turned, problem.neuron)
    once = {"max_neurons": 1}  # later neurons may come from maxima that rounding tells apart
    assert losses(moved.path(**once)) == pytest.approx(losses(problem.path(**once)), rel=1e-5)


@given(problems(), st.floats(-100, 100))
@settings(max_examples=15)
def test_no_feature_explains_more_than_the_residual(problem, mean):
    best = maximise_utility(
        problem.neuron,
        problem.X,
        problem.Y[:, 0] + mean,
        starts=problem.starts[:, :-1],
        offset=True,
    )
    assert best.utilities.max() <= 1 + 1e-12
