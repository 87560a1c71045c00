"""The algorithms and flows that must obey the laws. A new one is one more entry."""

from __future__ import annotations

from functools import partial

import numpy as np
from hypothesis import strategies as st

import saddles
from saddles.testing import strategies
from saddles.testing._solver import Solver
from tests.agf.networks import Network
from tests.laws.motions import Motion
from tests.laws.staircases import Solve

#: Two computations from data that differ by rounding; the problems' condition numbers reach 1e4.
CLOSE = 1e-9

#: Keywords of every algorithm, and of the limit alone.
TAKES = ("Regression", "max_jumps")
TAKES_BOUNDARIES = (*TAKES, "boundaries")

SUBJECTS = {
    name: Solver.of(solve, takes, tolerance=CLOSE, extremes=True)
    for name, solve, takes in (
        ("pesme_flammarion", saddles.pesme_flammarion, TAKES_BOUNDARIES),
        ("agf.diagonal, limit", saddles.agf.diagonal, TAKES),
        ("agf.diagonal, -230", partial(saddles.agf.diagonal, log_alpha=-230), TAKES),
        ("agf.diagonal, -0.1", partial(saddles.agf.diagonal, log_alpha=-0.1), TAKES),
    )
}


generators = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def _squares(rng: np.random.Generator) -> Network:
    """Neurons a (w·x)² on three samples in the plane."""
    X, y = rng.standard_normal((3, 2)), rng.standard_normal(3)

    def output(theta: np.ndarray) -> np.ndarray:
        return theta[:, :1] * (theta[:, 1:] @ X.T) ** 2

    def derivative(theta: np.ndarray) -> np.ndarray:
        along = theta[:, 1:] @ X.T
        inner = 2 * theta[:, :1, None] * along[:, :, None] * X
        return np.concatenate([along[:, :, None] ** 2, inner], axis=2)

    return Network(3, 3, y, output, derivative, 3)


def _unit_rows(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    rows = rng.standard_normal((count, size))
    return rows / np.linalg.norm(rows, axis=1)[:, None]


def _neurons(rng: np.random.Generator) -> Solve:
    X, y = rng.standard_normal((3, 2)), rng.standard_normal(3)

    def neuron(theta, x):
        return theta[0] * (x @ theta[1:]) ** 2

    return Solve(saddles.agf.network, neuron, X, y, _unit_rows(rng, 3, 3), degree=3)


def _quadratic_neurons(rng: np.random.Generator) -> Solve:
    X, y = rng.standard_normal((4, 2)), rng.standard_normal(4)
    options = {"width": 3, "size": 2, "degree": 2, "seed": int(rng.integers(100))}
    return Solve(saddles.agf.network, lambda theta, x: (x @ theta) ** 2, X, y, **options)


def _relu(rng: np.random.Generator) -> Solve:
    X, y = rng.standard_normal((4, 2)), rng.standard_normal(4)
    return Solve(saddles.agf.relu, X, y, width=6, seed=int(rng.integers(100)))


def _attention(rng: np.random.Generator) -> Solve:
    A = rng.standard_normal((2, 2))
    return Solve(saddles.agf.attention, A @ A.T + np.eye(2), int(rng.integers(2, 20)))


def _modular(rng: np.random.Generator) -> Solve:
    options = {"width": 3, "seed": int(rng.integers(100)), "max_jumps": 1}
    return Solve(saddles.agf.modular_addition, rng.standard_normal(5), **options)


def _group(rng: np.random.Generator) -> Solve:
    options = {"width": 3, "seed": int(rng.integers(100)), "max_jumps": 1}
    group = saddles.groups.symmetric(3)
    return Solve(saddles.agf.group_composition, group, rng.standard_normal(6), **options)


#: Name of the algorithm -> problems for it, and how many to try.
STAIRCASES = {
    "pesme_flammarion": (
        strategies.regressions().map(lambda p: Solve(saddles.pesme_flammarion, *p)),
        20,
    ),
    "agf.diagonal": (strategies.regressions().map(lambda p: Solve(saddles.agf.diagonal, *p)), 20),
    "greedy_low_rank": (
        strategies.matrix_losses().map(lambda loss: Solve(saddles.greedy_low_rank, loss)),
        10,
    ),
    "agf.linear": (strategies.moments().map(lambda p: Solve(saddles.agf.linear, *p)), 10),
    "agf.attention": (generators.map(_attention), 2),
    "agf.modular_addition": (generators.map(_modular), 1),
    "agf.group_composition": (generators.map(_group), 1),
    "agf.relu": (generators.map(_relu), 4),
    "agf.network": (generators.map(_neurons), 2),
    "agf.network, quadratic": (generators.map(_quadratic_neurons), 8),
}


def _mirror(problem: tuple[np.ndarray, np.ndarray], log_alpha: float) -> Motion:
    X, y = problem
    fit = X @ np.linalg.lstsq(X, y)[0]
    least = float(np.sum((y - fit) ** 2)) / (2 * len(y))
    return Motion(partial(saddles.flow.diagonal, X, y, log_alpha=log_alpha), least)


def _matrix(rng: np.random.Generator, log_alpha: float) -> Motion:
    M = rng.standard_normal((3, 3))
    M = M + M.T
    least = float(np.sum(np.minimum(np.linalg.eigvalsh(M), 0.0) ** 2)) / 2
    # Completion with every entry seen is followed as any other loss.
    loss = saddles.MatrixCompletion(M, np.ones((3, 3), dtype=bool))
    return Motion(partial(saddles.flow.matrix, loss, log_alpha=log_alpha), least)


def _linear(problem: tuple[np.ndarray, np.ndarray], log_alpha: float) -> Motion:
    return Motion(partial(saddles.flow.linear, *problem, log_alpha=log_alpha), 0.0)


def _commuting(rng: np.random.Generator, log_alpha: float) -> Motion:
    scales, signals = np.exp(rng.standard_normal(3)), np.exp(2 * rng.standard_normal(3))
    inputs, outputs = (np.linalg.qr(rng.standard_normal((3, 3)))[0] for _ in range(2))
    xx = (inputs * scales) @ inputs.T
    yx = (outputs * signals) @ inputs.T
    flow = partial(saddles.flow.linear, (xx + xx.T) / 2, yx, log_alpha=log_alpha)
    return Motion(flow, 0.0)


def _full(rng: np.random.Generator, log_alpha: float) -> Motion:
    M = rng.standard_normal((4, 4))
    M = M + M.T
    least = float(np.sum(np.minimum(np.linalg.eigvalsh(M), 0.0) ** 2)) / 2
    return Motion(partial(saddles.flow.full, M, log_alpha=log_alpha), least)


def _whitened(rng: np.random.Generator, log_alpha: float) -> Motion:
    yx = rng.standard_normal((2, 3))
    return Motion(partial(saddles.flow.whitened, yx, log_alpha=log_alpha), 0.0)


def _polar(rng: np.random.Generator, log_alpha: float) -> Motion:
    network, init = _squares(rng), _unit_rows(rng, 3, 3)
    return Motion(partial(saddles.flow.neurons, network, init, log_alpha=log_alpha))


_scales = st.sampled_from([-20.0, -1e3])

#: Name of the flow -> flows of that kind, and how many to try.
MOTIONS = {
    "flow.diagonal": (st.builds(_mirror, strategies.general_position(), _scales), 10),
    "flow.matrix": (st.builds(_matrix, generators, _scales), 2),
    "flow.linear": (st.builds(_linear, strategies.moments(max_inputs=2), _scales), 2),
    "flow.linear, commuting": (st.builds(_commuting, generators, _scales), 2),
    "flow.full": (st.builds(_full, generators, _scales), 10),
    "flow.whitened": (st.builds(_whitened, generators, _scales), 10),
    "flow.neurons": (st.builds(_polar, generators, st.just(-8.0)), 1),
}
