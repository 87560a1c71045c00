"""The talk's first table: data whose XᵀX is diagonal, so that every coefficient learns alone."""

from __future__ import annotations

import numpy as np
from scipy.linalg import hadamard

from saddles.typing import Array
from tables.staircase import staircase
from tables.table import Table


def data() -> tuple[Array, Array]:
    """Return X (16, 10) with exactly orthogonal columns of random lengths, and y (16,)."""
    rng = np.random.default_rng(2025)
    # Multiples of 1/16, so that the orthogonality and the rational oracle's numbers are exact.
    lengths = np.round(16 * np.exp(rng.normal(size=10))) / 16
    X = hadamard(16)[:, 1:11] * lengths
    noise = np.round(16 * 0.1 * rng.normal(size=16)) / 16
    return X, X @ (np.round(16 * rng.normal(size=10)) / 16) + noise


def build() -> Table:
    """Return the table."""
    text = (
        "Diagonal linear network on 16 samples of 10 orthogonal features (X'X diagonal; seeded "
        "random lengths and targets). Scaled times t / log(1/alpha) of the mean loss; PF is "
        "Pesme and Flammarion's path, AGF alternating gradient flows at log(alpha) = -230, exact "
        "the path in rational arithmetic, flow the integrated gradient flow extrapolated from "
        "log(alpha) = -1e4, -1e5, -1e6."
    )
    return staircase("aligned", "Aligned data: PF, AGF, exact and flow", text, *data())
