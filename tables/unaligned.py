"""The talk's second table: generic data, where coefficients learn on one another's residuals."""

from __future__ import annotations

import numpy as np

from saddles.typing import Array
from tables.staircase import COLUMNS, staircase
from tables.table import Table


def data() -> tuple[Array, Array]:
    """Return Gaussian X (30, 10), in multiples of 1/64, and y (30,)."""
    rng = np.random.default_rng(2025)
    X = np.round(64 * rng.normal(size=(30, 10)) @ rng.normal(size=(10, 10))) / 64
    noise = np.round(64 * 0.1 * rng.normal(size=30)) / 64
    return X, X @ (np.round(64 * rng.normal(size=10)) / 64) + noise


def build() -> Table:
    """Return the table."""
    text = (
        "Do four computations of the jump times agree if features are correlated? A diagonal "
        f"linear network learns 30 samples of 10 Gaussian features (seeded).\n\n{COLUMNS}"
    )
    return staircase("unaligned", "Unaligned data: PF, AGF, exact and flow", text, *data())
