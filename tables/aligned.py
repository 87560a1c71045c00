"""The talk's first table: data whose XᵀX is diagonal, so that every coefficient learns alone."""

from __future__ import annotations

import numpy as np
from scipy.linalg import hadamard

from saddles.typing import Array
from tables.staircase import COLUMNS, staircase
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
        "Do four computations of the jump times agree if every feature learns alone? A diagonal "
        "linear network learns 16 samples of 10 orthogonal features (X'X is diagonal), with seeded "
        f"random lengths and targets.\n\n{COLUMNS}"
    )
    return staircase("aligned", "Aligned data: PF, AGF, exact and flow", text, *data())
