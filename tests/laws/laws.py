"""Laws of `SaddlePath` itself, beside those of `saddles.testing`, which any solver must obey.

Each takes an algorithm, a regression (X, y) and a generator, and asserts one thing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from saddles import Regression, SaddlePath, Status

Array = NDArray[np.float64]
Law = Callable[[Callable[..., SaddlePath], Array, Array, np.random.Generator], None]

#: What a certificate of a well-posed problem may show.
CERTIFIED = 1e-9


def certificates(
    solve: Callable[..., SaddlePath], X: Array, y: Array, rng: np.random.Generator
) -> None:
    """Every saddle meets its optimality conditions; margins are leads."""
    path = solve(X, y)
    assert path.certificates.worst <= CERTIFIED
    assert path.certificates.margin[0] == np.inf
    assert (path.certificates.margin > 0).all()
    assert path.success


def endings(solve: Callable[..., SaddlePath], X: Array, y: Array, rng: np.random.Generator) -> None:
    """Training converges, or there was nothing to learn, and the status says which."""
    assert solve(X, y).status is Status.CONVERGED or not (X.T @ y).any()
    for data in ((X, np.zeros_like(y)), (X, 1e100 * np.zeros_like(y)), (np.zeros_like(X), y)):
        path = solve(*data)
        assert path.status is Status.NOTHING_TO_LEARN
        assert path.success
        assert len(path) == 1


def stopping_early_changes_no_bit(
    solve: Callable[..., SaddlePath], X: Array, y: Array, rng: np.random.Generator
) -> None:
    """A path of at most k jumps is the beginning of the whole one, to the last bit."""
    path = solve(X, y)
    for k in range(len(path) + 1):
        part = solve(X, y, max_jumps=k)
        count = min(k + 1, len(path))
        assert part.times.tolist() == path.times[:count].tolist()
        assert part.betas.tolist() == path.betas[:count].tolist()
        assert part.losses.tolist() == path.losses[:count].tolist()
        assert part.status is (Status.MAX_JUMPS if k + 1 < len(path) else path.status)


def a_regression_is_its_data(
    solve: Callable[..., SaddlePath], X: Array, y: Array, rng: np.random.Generator
) -> None:
    """The whole record of a path is the same, whether X and y come alone or as a `Regression`."""
    assert solve(X, y).to_dict() == solve(Regression(X, y)).to_dict()


LAWS: tuple[Law, ...] = (
    certificates,
    endings,
    stopping_early_changes_no_bit,
    a_regression_is_its_data,
)
