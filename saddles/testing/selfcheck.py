"""The solvers of an installed copy against every law.

Run by ``pytest --pyargs saddles.testing.selfcheck``; it needs pytest and hypothesis
(``saddles[testing]``), and nothing of a checkout.
"""

from __future__ import annotations

from functools import partial

import numpy as np

import saddles
from saddles import testing
from saddles.testing.strategies import NONMONOTONE

__all__: list[str] = []

#: Problems per law: the whole run takes some seconds.
DIAGONAL_EXAMPLES, MATRIX_EXAMPLES = 20, 5


def test_pesme_flammarion() -> None:
    """The limit path obeys every law there is."""
    takes = ("Regression", "boundaries", "max_jumps")
    report = testing.check_diagonal_path(
        saddles.pesme_flammarion, takes=takes, extremes=True, max_examples=DIAGONAL_EXAMPLES
    )
    assert not report.skipped


def test_alternating_gradient_flow() -> None:
    """So does its sibling, from any initial scale."""
    for log_alpha in (-0.1, -230.0, -np.inf):
        testing.check_diagonal_path(
            partial(saddles.agf.diagonal, log_alpha=log_alpha),
            takes=("Regression", "max_jumps"),
            extremes=True,
            max_examples=DIAGONAL_EXAMPLES // 2,
        )


def test_greedy_low_rank() -> None:
    """Matrix factorisation, rank by rank."""
    report = testing.check_greedy_low_rank(saddles.greedy_low_rank, max_examples=MATRIX_EXAMPLES)
    assert not report.skipped


def test_linear_networks() -> None:
    """Linear networks, mode by mode."""
    report = testing.check_linear_path(saddles.agf.linear, max_examples=MATRIX_EXAMPLES)
    assert not report.skipped


def test_a_published_path() -> None:
    """A coefficient enters and leaves again (arXiv:2607.12332; data times ten, so times / 100)."""
    path = saddles.pesme_flammarion(*NONMONOTONE)
    times = np.array([0.0, 2.0, 8.0, 552 / 49]) / 100
    np.testing.assert_allclose(path.times, times, rtol=1e-13)
    testing.assert_diagonal_path(path, *NONMONOTONE)
