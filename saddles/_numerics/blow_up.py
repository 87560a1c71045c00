"""The blow-up of z' = ∇C(z), C homogeneous of degree m > 2: how dormant weights pass their wait.

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

#: Absolute error of a step, as a share of the relative one.
ABSOLUTE = 0.1
#: Steps after which the wait is given up: smooth weights grow to any size in some hundred.
STEPS = 3_000


def growing(
    slope: Callable[[Array], Array], start: Array, degree: int, *, rtol: float = 1e-12
) -> Iterator[tuple[float, Array]]:
    """Yield τ and z (p,) after every step, from weights `start` of size one."""

    def velocity(_: float, y: Array) -> Array:
        slow = float(np.linalg.norm(y[:-1])) ** (2 - degree)
        return np.append(slow * slope(y[:-1]), slow)

    run = Integration(
        Equation(velocity, np.append(start, 0.0)),
        Tolerances(rtol=rtol, atol=ABSOLUTE * rtol),
        STEPS,
        method="DOP853",
    )
    for solver in run:
        yield float(solver.y[-1]), solver.y[:-1]
