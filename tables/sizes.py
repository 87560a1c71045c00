"""Sizes: what runs in a second, a minute, ten minutes, into ``tables/sizes.md``.

``python -m tables.sizes [NAME ...]`` climbs a ladder of sizes per algorithm until one takes longer
than `SHORT` seconds; ``--long`` goes on until one takes longer than ten minutes. Nothing is
extrapolated: what is stated was run. Seconds are those of the processor, on one thread, and a
machine's, so no test compares them.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits
from tqdm import tqdm

import saddles
from saddles import PathError
from saddles.typing import Array
from tables.timing import gaussian

FILE = Path(__file__).parent / "sizes.md"

#: A ladder ends after a step of the first number of seconds; a step is stopped after the second.
SHORT, SHORT_END = 5.0, 60.0
LONG, LONG_END = 600.0, 600.0
#: What the table states.
LIMITS = {"a second": 1.0, "a minute": 60.0, "ten minutes": 600.0}


class Ladder(NamedTuple):
    """An algorithm, what its sizes mean, the sizes, and how to get ready to run it at one."""

    algorithm: str
    meaning: str
    sizes: tuple[Any, ...]
    ready: Callable[..., Callable[[], Any]]


class _TooLong(BaseException):
    """A step is broken off; no algorithm may take this for a failure of its own."""


def _pesme_flammarion(n: int, d: int) -> Callable[[], Any]:
    X, y = gaussian(n, d)
    return lambda: saddles.pesme_flammarion(X, y)


def _agf_diagonal(n: int, d: int) -> Callable[[], Any]:
    X, y = gaussian(n, d)
    return lambda: saddles.agf.diagonal(X, y, log_alpha=-230.0)


def _spectrum(d: int) -> Array:
    """Return a matrix (d, d) with eigenvalues from 1 to 2 in a random basis."""
    Q = np.linalg.qr(np.random.default_rng(d).standard_normal((d, d)))[0]
    return np.asarray((Q * np.linspace(2, 1, d)) @ Q.T)


def _full(d: int) -> Callable[[], Any]:
    loss = saddles.FullMatrix(_spectrum(d))
    return lambda: saddles.greedy_low_rank(loss)


def _completion(d: int) -> saddles.MatrixCompletion:
    """Return a matrix of rank 3 of which a half is seen."""
    rng = np.random.default_rng(d)
    U, mask = rng.standard_normal((d, 3)), rng.random((d, d)) < 0.3
    return saddles.MatrixCompletion(U @ U.T, mask | mask.T)


def _greedy(d: int) -> Callable[[], Any]:
    loss = _completion(d)
    return lambda: saddles.greedy_low_rank(loss, max_rank=3)


def _moments(d: int) -> tuple[Array, Array]:
    """Return moments of inputs and targets, d of each, that do not commute."""
    rng = np.random.default_rng(d)
    inputs = rng.standard_normal((d, 4 * d))
    sigma = inputs @ inputs.T / (4 * d)
    return sigma, rng.standard_normal((d, d)) @ sigma


def _agf_linear(d: int) -> Callable[[], Any]:
    moments = _moments(d)
    return lambda: saddles.agf.linear(*moments)


def _attention(d: int) -> Callable[[], Any]:
    covariance = np.diag(1 / np.arange(1.0, d + 1))
    return lambda: saddles.agf.attention(covariance, 32)


def _template(p: int) -> Array:
    """Return a template (p,) of two frequencies."""
    return np.asarray(sum(np.cos(2 * np.pi * k * np.arange(p) / p) / k for k in (1, 2)))


def _modular(p: int) -> Callable[[], Any]:
    template = _template(p)
    return lambda: saddles.agf.modular_addition(template, width=12)


def _relu(n: int, d: int, width: int) -> Callable[[], Any]:
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, d))
    Y = np.maximum(X[:, 0], 0) - np.maximum(X[:, 1], 0)
    return lambda: saddles.agf.relu(X, Y, width=width, max_jumps=2)


def _square(theta: Any, X: Any) -> Any:
    return theta[0] * (X @ theta[1:]) ** 2


def _network(n: int, d: int, width: int) -> Callable[[], Any]:
    X = np.random.default_rng(n).standard_normal((n, d))
    y = X[:, 0] ** 2 - X[:, 1] ** 2 / 2
    return lambda: saddles.agf.network(_square, X, y, degree=3, size=d + 1, width=width)


def _diagonal_network(n: int, d: int) -> Callable[[], Any]:
    X, y = gaussian(n, d)
    return lambda: saddles.diagonal_network(X, y, depth=3)


def _layers(d: int) -> list[Array]:
    """Return three layers (d, d)."""
    rng = np.random.default_rng(d)
    return [np.eye(d) + rng.standard_normal((d, d)) / (3 * d**0.5) for _ in range(3)]


def _deep_linear(d: int) -> Callable[[], Any]:
    moments, layers = _moments(d), _layers(d)
    return lambda: saddles.agf.deep_linear(*moments, init=layers)


def _deep_network(width: int) -> Callable[[], Any]:
    rng = np.random.default_rng(width)
    size = width * (2 + width) + width
    X = rng.standard_normal((40, 2))

    def network(theta: Any, X: Any) -> Any:
        first, second = theta[: 2 * width], theta[2 * width : -width]
        hidden = (X @ first.reshape(width, 2).T) ** 2
        return (hidden @ second.reshape(width, width).T) ** 2 @ theta[-width:]

    y = np.asarray(network(rng.standard_normal(size), X))
    init = rng.standard_normal(size)
    return lambda: saddles.agf.deep_network(
        network, X, y / np.sqrt(np.mean(y**2)), init, max_jumps=2
    )


def _multi_index(d: int, r: int, width: int) -> Callable[[], Any]:
    target = saddles.agf.HermiteTarget.teacher(np.linspace(2, 1, r), np.eye(r))
    return lambda: saddles.agf.multi_index(target, d, width=width, seed=0)


def _groups(m: int, width: int) -> Callable[[], Any]:
    group = saddles.groups.dihedral(m)
    template = np.random.default_rng(m).standard_normal(group.order)
    return lambda: saddles.agf.group_composition(
        group, template - template.mean(), width=width, max_jumps=2
    )


def _trainer(n: int, d: int) -> Callable[[], Any]:
    X = np.random.default_rng(n).standard_normal((n, d))
    y = np.maximum(X[:, :3], 0) @ [1.0, -1.0, 0.5]
    return lambda: saddles.optim.AGF("relu").fit(X, y)


def _flow_diagonal(n: int, d: int) -> Callable[[], Any]:
    X, y = gaussian(n, d)
    return lambda: saddles.flow.diagonal(X, y, log_alpha=-100.0)


def _flow_matrix(d: int) -> Callable[[], Any]:
    loss = _completion(d)
    return lambda: saddles.flow.matrix(loss, log_alpha=-100.0, width=3)


def _flow_linear(d: int) -> Callable[[], Any]:
    moments = _moments(d)
    return lambda: saddles.flow.linear(*moments, log_alpha=-100.0)


def _flow_neurons(d: int) -> Callable[[], Any]:
    network = saddles.agf.LinearAttention(np.diag(1 / np.arange(1.0, d + 1)), 32)
    heads = np.random.default_rng(d).standard_normal((d + 1, network.size))
    heads /= np.linalg.norm(heads, axis=1, keepdims=True)
    return lambda: saddles.flow.neurons(network, heads, log_alpha=-8.0)


def _bias(kind: str, n: int, d: int) -> Callable[[], Any]:
    X, y = gaussian(n, d)
    if kind == "l1":
        return lambda: saddles.implicit_bias.l1(X, y)
    if kind == "diagonal":
        return lambda: saddles.implicit_bias.diagonal(X, y, log_alpha=-10.0)
    start = np.random.default_rng(0).standard_normal(d)
    return lambda: saddles.implicit_bias.single_neuron(X, y, beta0=start, delta=-1.0)


TALL = tuple((2 * d, d) for d in (20, 50, 100, 200, 400, 800, 1600, 3200))
WIDE = ((20, 100), (50, 500), (100, 2000), (200, 5000), (500, 20_000), (1000, 50_000))
SQUARE = (3, 5, 10, 20, 30, 50, 100, 200, 400, 800)
SEEN = (
    (50, 5, 10),
    (100, 10, 20),
    (200, 20, 50),
    (500, 50, 50),
    (1000, 100, 100),
    (5000, 200, 200),
)
SEEN_HALF = (10, 20, 50, 100, 200, 400, 800, 1600, 3200)
INDICES = ((10, 2, 20), (10**6, 2, 20), (10**6, 3, 20), (10**6, 4, 40), (10**6, 6, 60))
DIHEDRAL = ((3, 20), (4, 20), (6, 30), (10, 50), (15, 80))
TRAINED = ((1000, 10), (10_000, 20), (100_000, 20), (1_000_000, 20))

LADDERS = (
    Ladder("pesme_flammarion", "n x d, to the end", (*WIDE, (2000, 100_000)), _pesme_flammarion),
    Ladder("agf.diagonal", "n x d, to the end", TALL, _agf_diagonal),
    Ladder("diagonal_network", "n x d, depth 3, to the end", WIDE, _diagonal_network),
    Ladder("greedy_low_rank, FullMatrix", "d x d, all d jumps", SQUARE, _full),
    Ladder("greedy_low_rank, MatrixCompletion", "d x d of rank 3, half seen", SEEN_HALF, _greedy),
    Ladder("agf.linear", "d inputs and targets, to the end", SQUARE, _agf_linear),
    Ladder("agf.attention", "d components", (2, 3, 4, 6, 8, 12, 16, 24, 32), _attention),
    Ladder(
        "agf.modular_addition",
        "p, two frequencies, 12 neurons",
        (5, 7, 11, 20, 31, 43, 59, 97),
        _modular,
    ),
    Ladder("agf.relu", "n x d, width, 2 jumps", SEEN, _relu),
    Ladder("agf.network", "n x d, width, a (w·x)²", SEEN, _network),
    Ladder("agf.multi_index", "d, r ReLU teachers, width", INDICES, _multi_index),
    Ladder("agf.group_composition", "m of D_m, width, 2 jumps", DIHEDRAL, _groups),
    Ladder("agf.deep_linear", "d inputs and targets, 3 layers", SQUARE, _deep_linear),
    Ladder("agf.deep_network", "width, 3 layers, 2 jumps", (2, 3, 4, 5, 6, 8, 10), _deep_network),
    Ladder("optim.AGF", "n x d, 3 ReLU neurons", TRAINED, _trainer),
    Ladder("flow.diagonal", "n x d, log(alpha) = -100", WIDE, _flow_diagonal),
    Ladder("flow.matrix", "d x d of rank 3, half seen", SQUARE[1:], _flow_matrix),
    Ladder("flow.linear", "d inputs and targets, log(alpha) = -100", (2, *SQUARE), _flow_linear),
    Ladder("flow.neurons", "d components, d + 1 heads", (2, 3, 4, 6, 8, 12, 16), _flow_neurons),
    Ladder("implicit_bias.single_neuron", "n x d", WIDE, lambda *s: _bias("neuron", *s)),
    Ladder("implicit_bias.diagonal", "n x d", WIDE, lambda *s: _bias("diagonal", *s)),
    Ladder("implicit_bias.l1", "n x d", WIDE, lambda *s: _bias("l1", *s)),
)


class Climb(NamedTuple):
    """The sizes that were run with their seconds, those that failed, and the one that was last."""

    steps: list[tuple[str, float]]
    failed: list[str]
    end: str

    def within(self, limit: float) -> str:
        """Return the largest size that ran within `limit` seconds."""
        fits = [(size, seconds) for size, seconds in self.steps if seconds <= limit]
        return f"{fits[-1][0]} ({fits[-1][1]:.2g} s)" if fits else "-"


def climb(ladder: Ladder, leave: float, break_off: float) -> Climb:
    """Run one size after another until one takes longer than `leave`; failures are noted."""
    steps: list[tuple[str, float]] = []
    failed: list[str] = []
    _try(ladder, ladder.sizes[0], break_off)  # whatever is imported, compiled or cached
    for size in ladder.sizes:
        name, seconds, failure = _try(ladder, size, break_off)
        if seconds is None:
            return Climb(steps, failed, f"{name}: over {break_off:g} s")
        if failure:
            failed.append(f"{name}: {failure}")
            continue
        steps.append((name, seconds))
        if seconds > leave:
            return Climb(steps, failed, f"{name}: {seconds:.2g} s")
    return Climb(steps, failed, "the largest size")


def _try(ladder: Ladder, size: Any, break_off: float) -> tuple[str, float | None, str]:
    """Return a size's name, its seconds (None: broken off), and why it failed, if it did."""
    numbers = size if isinstance(size, tuple) else (size,)
    name = ", ".join([" x ".join(map(str, numbers[:2])), *map(str, numbers[2:])])
    run, failure = ladder.ready(*numbers), ""
    begin = time.process_time()
    try:
        with _at_most(break_off):
            run()
    except _TooLong:
        return name, None, ""
    except PathError as error:
        failure = error.status.value
    except Exception as error:
        failure = type(error).__name__
    return name, time.process_time() - begin, failure


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise `_TooLong` in the body after `seconds` seconds."""

    def stop(*_: Any) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def markdown(climbs: dict[str, Climb], leave: float, break_off: float) -> str:
    """Return the page."""
    meanings = {ladder.algorithm: ladder.meaning for ladder in LADDERS}
    rows = [
        {"algorithm": f"`{name}`", "size": meanings[name]}
        | {limit: climbed.within(seconds) for limit, seconds in LIMITS.items()}
        | {"last": climbed.end, "failed": "; ".join(climbed.failed)}
        for name, climbed in climbs.items()
    ]
    table = str(pd.DataFrame(rows).to_markdown(index=False))
    return (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"{platform.system()}, Python {platform.python_version()}, numpy {np.__version__}, one "
        "thread. The largest size of a ladder that ran within a second, a minute, ten minutes, "
        "and its CPU seconds. A ladder was left after the first size that took longer than "
        f"{leave:g} seconds, and a size was broken off after {break_off:g}: where two columns "
        "agree, nothing larger was tried or finished.\n\n" + table + "\n"
    )


def main() -> int:
    """Climb the ladders and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tables.sizes", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--long", action="store_true", help="go on to ten minutes (hours)")
    asked = parser.parse_args()
    chosen = [one for one in LADDERS if not asked.names or one.algorithm in asked.names]
    leave, break_off = (LONG, LONG_END) if asked.long else (SHORT, SHORT_END)
    climbs = {}
    with threadpool_limits(1):
        for ladder in tqdm(chosen, desc="sizes", unit="ladder"):
            climbs[ladder.algorithm] = climb(ladder, leave, break_off)
    page = markdown(climbs, leave, break_off)
    if not asked.names:
        FILE.write_text(page, encoding="utf-8")
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
