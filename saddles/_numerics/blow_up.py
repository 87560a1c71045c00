"""The blow-up of z' = ∇C(z), C homogeneous of degree m > 2: what dormant weights do while they wait.

It comes at a finite time. With ds = |z|^{m−2} dτ the logarithm of |z| grows at a bounded rate, so
that a few steps take |z| from one to any size.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``slope``        ∇C(z), shape (p,)
``degree``       m
===============  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from saddles._numerics.stepping import Equation, Integration, Tolerances
from saddles.typing import Array

__all__ = ["growing"]

#: Error of a step: times of several waits add up.
RTOL, ATOL = 1e-12, 1e-13
#: Steps after which the wait is given up.
STEPS = 20_000


def growing(
    slope: Callable[[Array], Array], start: Array, degree: int
) -> Iterator[tuple[float, Array]]:
    """Yield τ and z (p,) after every step, from weights `start` of size one."""

    def velocity(_: float, y: Array) -> Array:
        slow = float(np.linalg.norm(y[:-1])) ** (2 - degree)
        return np.append(slow * slope(y[:-1]), slow)

    run = Integration(
        Equation(velocity, np.append(start, 0.0)),
        Tolerances(rtol=RTOL, atol=ATOL),
        STEPS,
        method="DOP853",
    )
    for solver in run:
        yield float(solver.y[-1]), solver.y[:-1]
