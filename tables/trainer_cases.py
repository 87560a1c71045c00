"""What the trainer's tables compare: data, and ways to train a small network on them.

A method is called with samples, targets and a seed, and returns what it found. L-BFGS, Adam and
SGD train the trainer's own network, f(x) = Σ_i a_i max(w_i·x + b_i, 0) + c, from random weights.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_digits, make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from saddles.estimators import AGFClassifier, AGFRegressor
from saddles.optim import AGF, maximise_utility
from saddles.typing import Array

#: Samples of the teacher, of friedman1 to learn from, and of both to test on.
TEACHER, FRIEDMAN, TEST = 2000, 1500, 5000
#: Widths and restarts of the search by L-BFGS, and its largest number of iterations.
WIDTHS, RESTARTS, ITERATIONS = (2, 4, 8, 16, 32), 3, 500
#: Share of the samples by which the search chooses; loss over the variance that counts as none.
HELD, FLOOR = 0.2, 1e-10
#: Learning rates that Adam and SGD try, and their steps; each step is on all samples.
RATES, STEPS = {"Adam": (1e-2, 3e-2), "SGD": (3e-2, 1e-1)}, 1200
#: Momentum of SGD, and the factor of weights that start small.
MOMENTUM, SMALL = 0.9, 0.1
#: Random features, and the penalties that they and ridge regression choose from.
FEATURES, PENALTIES = 300, np.logspace(-3, 4, 22)
#: Jumps without a better score that are allowed where only outputs are refitted: scores are rough.
PATIENCE = 4
#: Most neurons of orthogonal greedy learning.
GREEDY = 25
#: Steps of Frank–Wolfe, its starts in each, and the bounds of Σ|a| that it tries, over the targets'
#: standard deviation.
FRANK_WOLFE, FEW_STARTS, BOUNDS = 50, 8, (2.0, 4.0, 8.0)


@dataclass(frozen=True)
class Split:
    """Samples and targets to learn from and to test on; unit weights (m, d) of a teacher."""

    X: Array
    y: Array
    X_test: Array
    y_test: Array
    W: Array | None = None


@dataclass(frozen=True)
class Found:
    """What a method found: its predictions, its width, the gradients of single neurons."""

    predict: Callable[[Array], Array]
    neurons: int | None = None
    gradients: int | None = None
    weights: Array | None = None


Method = Callable[[Array, Array, int], Found]


# --- data ---------------------------------------------------------------------------------------


def teacher(
    seed: int, *, d: int = 20, m: int = 5, n: int = TEACHER, noise: float = 0.0, test: int = TEST
) -> Split:
    """Return the samples of m ReLU neurons with output weights ±U[.5, 1.5]; tests have no noise."""
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((m, d))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    a = rng.choice([-1, 1], m) * rng.uniform(0.5, 1.5, m)
    X, X_test = rng.standard_normal((n, d)), rng.standard_normal((test, d))
    y, y_test = (np.maximum(inputs @ W.T, 0) @ a for inputs in (X, X_test))
    return Split(X, y + noise * rng.standard_normal(n), X_test, y_test, W)


def friedman1(seed: int) -> Split:
    """Return samples of Friedman's first function, with noise of variance 1."""
    X, y = make_friedman1(FRIEDMAN + TEST, noise=1.0, random_state=seed)
    return Split(X[:FRIEDMAN], y[:FRIEDMAN], X[FRIEDMAN:], y[FRIEDMAN:])


def diabetes(seed: int) -> Split:
    """Return a random split of the diabetes data."""
    X, y = load_diabetes(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, random_state=seed)
    return Split(X, y, X_test, y_test)


def digits(seed: int) -> Split:
    """Return a random split of the digits."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, random_state=seed, stratify=y)
    return Split(X, y, X_test, y_test)


# --- small networks -----------------------------------------------------------------------------


def agf(X: Array, y: Array, seed: int) -> Found:
    """Train by AGF with its defaults."""
    return _grown(AGF("relu", seed=seed).fit(X, y))


def orthogonal_greedy(X: Array, y: Array, seed: int) -> Found:
    """Add the best neuron again and again, and refit the output weights alone."""
    options: dict[str, Any] = {"max_neurons": GREEDY, "patience": None, "seed": seed}
    return _grown(AGF("relu", cost="outputs", **options).fit(X, y))


def _grown(trainer: AGF) -> Found:
    network = trainer.network
    return Found(trainer.predict, network.width, trainer.path[-1].gradients, network.weights)


def lbfgs(X: Array, y: Array, seed: int) -> Found:
    """Search over widths, each from random starts, until one fits or is no better than the last."""
    rng = np.random.default_rng(seed)
    held = rng.permutation(len(X)) < HELD * len(X)
    best, before, gradients = (np.inf, 0, np.zeros(0)), np.inf, 0
    for width in WIDTHS:
        for _ in range(RESTARTS):
            end = _descend(X[~held], y[~held], _start(X.shape[1], width, rng))
            gradients += end.nfev * width
            score = float(np.mean((_output(end.x, width, X[held]) - y[held]) ** 2))
            best = min(best, (score, width, end.x), key=lambda found: found[0])
        if best[0] < FLOOR * np.var(y) or best[0] >= before:
            break
        before = best[0]
    _, width, weights = best
    end = _descend(X, y, weights)
    weights, gradients = end.x, gradients + end.nfev * width
    hidden = _parts(weights, width)[0]
    return Found(lambda inputs: _output(weights, width, inputs), width, gradients, hidden)


def _start(d: int, width: int, rng: np.random.Generator) -> Array:
    """Return random weights of the usual size, biases of zero, in one vector."""
    hidden = rng.standard_normal(width * d) / np.sqrt(d)
    outputs = rng.standard_normal(width) / np.sqrt(width)
    return np.concatenate([hidden, np.zeros(width), outputs, [0.0]])


def _parts(weights: Array, width: int) -> tuple[Array, Array, Array, float]:
    """Return w (H, d), b (H,), a (H,) and c."""
    hidden, b, a, c = np.split(weights, np.cumsum([len(weights) - 2 * width - 1, width, width]))
    return hidden.reshape(width, -1), b, a, float(c[0])


def _output(weights: Array, width: int, X: Array) -> Array:
    hidden, b, a, c = _parts(weights, width)
    return np.asarray(np.maximum(X @ hidden.T + b, 0) @ a + c)


def _descend(X: Array, y: Array, weights: Array) -> Any:
    n, width = len(X), (len(weights) - 1) // (X.shape[1] + 2)

    def cost(weights: Array) -> tuple[float, Array]:
        hidden, b, a, c = _parts(weights, width)
        features = np.maximum(X @ hidden.T + b, 0)
        rest = features @ a + c - y
        back = np.where(features > 0, rest[:, None] * a, 0)
        parts = [(back.T @ X).ravel(), back.sum(axis=0), features.T @ rest, [rest.sum()]]
        return float(rest @ rest) / (2 * n), np.concatenate(parts) / n

    limits = {"maxiter": ITERATIONS, "maxfun": 2 * ITERATIONS, "ftol": 1e-16, "gtol": 1e-9}
    return minimize(cost, weights, jac=True, method="L-BFGS-B", options=limits)


def gradients(name: str, width: int, scale: float = 1.0) -> Method:
    """Return the training by Adam or SGD at this width, with the rate that fits the samples best.

    The usual random weights of torch are multiplied by `scale`.
    """

    def method(X: Array, y: Array, seed: int) -> Found:
        runs = [_trained(name, X, y, seed, width, rate, scale) for rate in RATES[name]]
        network = min(runs, key=lambda run: run[0])[1]
        import torch

        def predict(inputs: Array) -> Array:
            with torch.no_grad():
                return np.asarray(network(torch.tensor(inputs)).numpy()[:, 0])

        weights = network[0].weight.detach().numpy()
        return Found(predict, width, len(RATES[name]) * STEPS * width, weights)

    return method


def _trained(
    name: str, X: Array, y: Array, seed: int, width: int, rate: float, scale: float
) -> tuple[float, Any]:
    """Return the last loss and the network; the rate falls to zero like a cosine."""
    import torch

    torch.manual_seed(seed)
    nn, inputs, targets = torch.nn, torch.tensor(X), torch.tensor(y)[:, None]
    network = nn.Sequential(nn.Linear(X.shape[1], width), nn.ReLU(), nn.Linear(width, 1)).double()
    with torch.no_grad():
        for part in network.parameters():
            part *= scale
    options = {"momentum": MOMENTUM} if name == "SGD" else {}
    optimizer = getattr(torch.optim, name)(network.parameters(), lr=rate, **options)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = ((network(inputs) - targets) ** 2).mean()
        loss.backward()
        optimizer.step()
        schedule.step()
    last = float(loss.detach())
    return (last if np.isfinite(last) else np.inf), network


def frank_wolfe(X: Array, y: Array, seed: int) -> Found:
    """Minimise the loss over Σ|a| ≤ B by Frank–Wolfe over neurons; B is chosen on held-out rows."""
    held = np.random.default_rng(seed).permutation(len(X)) < HELD * len(X)
    runs = [_frank_wolfe(X[~held], y[~held], bound, seed) for bound in BOUNDS]
    errors = [float(np.mean((run.predict(X[held]) - y[held]) ** 2)) for run in runs]
    last = _frank_wolfe(X, y, BOUNDS[int(np.argmin(errors))], seed)
    used = sum(run.gradients or 0 for run in (*runs, last))
    return Found(last.predict, last.neurons, used, last.weights)


def _frank_wolfe(X: Array, y: Array, bound: float, seed: int) -> Found:
    """Move towards the neuron that pulls most, of the largest output, by the best share."""
    Z, bound = np.column_stack([X, np.ones(len(X))]), bound * float(np.std(y))
    W, a, f, gradients = np.zeros((0, Z.shape[1])), np.zeros(0), np.zeros(len(X)), 0
    for step in range(FRANK_WOLFE):
        rest = y - f - np.mean(y - f)
        best = maximise_utility(
            "relu", Z, rest, starts=FEW_STARTS, criterion="utility", seed=FRANK_WOLFE * seed + step
        )
        feature = np.maximum(Z @ best.W[0], 0)
        output = bound * np.sign(rest @ feature)
        way = output * feature - f
        way_centred = way - way.mean()
        share = float(np.clip(rest @ way_centred / (way_centred @ way_centred), 0, 1))
        W, a = np.vstack([W, best.W[:1]]), np.append((1 - share) * a, share * output)
        f, gradients = f + share * way, gradients + best.gradients
    offset = float(np.mean(y - f))

    def predict(inputs: Array) -> Array:
        features = np.maximum(inputs @ W[:, :-1].T + W[:, -1], 0)
        return np.asarray(features @ a + offset)

    return Found(predict, int(np.sum(a != 0)), gradients, W[:, :-1])


# --- estimators ---------------------------------------------------------------------------------


def regressor(X: Array, y: Array, seed: int) -> Found:
    """Fit `AGFRegressor` with its defaults."""
    model = AGFRegressor(random_state=seed).fit(X, y)
    return Found(model.predict, model.n_neurons_, model.path_[-1].gradients)


def mlp(X: Array, y: Array, seed: int) -> Found:
    """Fit scikit-learn's MLP of 100 neurons with early stopping, on standardised data."""
    network = MLPRegressor(early_stopping=True, max_iter=2000, random_state=seed)
    pipeline = make_pipeline(StandardScaler(), network)
    model = TransformedTargetRegressor(pipeline, transformer=StandardScaler()).fit(X, y)
    return Found(model.predict, 100)


def boosting(X: Array, y: Array, seed: int) -> Found:
    """Fit scikit-learn's boosted trees."""
    return Found(HistGradientBoostingRegressor(random_state=seed).fit(X, y).predict)


def random_features(X: Array, y: Array, seed: int) -> Found:
    """Fit the output weights of random ReLU neurons by ridge regression."""
    rng, scaler = np.random.default_rng(seed), StandardScaler().fit(X)
    W, b = rng.standard_normal((FEATURES, X.shape[1])), rng.standard_normal(FEATURES)

    def features(inputs: Array) -> Array:
        Z = scaler.transform(inputs)
        return np.hstack([Z, np.maximum(Z @ W.T / np.sqrt(X.shape[1]) + b, 0)])

    model = RidgeCV(PENALTIES).fit(features(X), y)
    return Found(lambda inputs: model.predict(features(inputs)), FEATURES)


def ridge(X: Array, y: Array, seed: int) -> Found:
    """Fit a linear function by ridge regression."""
    del seed
    return Found(make_pipeline(StandardScaler(), RidgeCV(PENALTIES)).fit(X, y).predict, 0)


def grown_late(X: Array, y: Array, seed: int) -> Found:
    """Classify by neurons that come twenty at a time; all weights are fitted at the end alone."""
    many: dict[str, Any] = {"per_jump": 20, "max_neurons": 120, "patience": PATIENCE}
    return _classifier(X, y, seed, loss="squared", cost="late", **many)


def grown_softmax(X: Array, y: Array, seed: int) -> Found:
    """Classify with cross entropy, with neurons that come five at a time."""
    return _classifier(X, y, seed, loss="logistic", per_jump=5, max_neurons=60)


def _classifier(X: Array, y: Array, seed: int, **options: Any) -> Found:
    share: dict[str, Any] = {"ridge": 1e-3, "validation_fraction": HELD, "random_state": seed}
    model = AGFClassifier(**options, **share).fit(X, y)
    return Found(model.predict, model.n_neurons_, model.path_[-1].gradients)


def mlp_classifier(X: Array, y: Array, seed: int) -> Found:
    """Fit scikit-learn's MLP of 100 neurons."""
    network = MLPClassifier(100, max_iter=1000, random_state=seed)
    return Found(make_pipeline(StandardScaler(), network).fit(X, y).predict, 100)


@contextmanager
def quiet() -> Iterator[None]:
    """Let a peer reach its limit of iterations: its error is shown as it is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
