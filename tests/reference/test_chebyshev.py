"""The Runge–Kutta–Chebyshev method: its order, its stability, and the polynomial of a step."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from reference.chebyshev import Chebyshev

#: Closer agreement than the tolerances that are asked for; errors grow like their powers of 2/3.
RTOL, CLOSE = 1e-6, 1e-4


def test_errors_fall_like_the_power_two_thirds_of_tolerances():
    """Order 2: the error of a step is of third order, that of all steps of second."""
    errors = []
    for rtol in (1e-5, 1e-7, 1e-9):
        found = solve_ivp(
            lambda _, y: y - y**3, (0.0, 5.0), [0.1, 0.3], method=Chebyshev, rtol=rtol
        )
        grown = np.array([0.1, 0.3]) * np.exp(5.0)
        exact = grown / np.sqrt(1 + np.array([0.1, 0.3]) ** 2 * np.expm1(10.0))
        errors.append(np.abs(found.y[:, -1] - exact).max())
    assert np.diff(np.log10(errors)) == pytest.approx([-4 / 3, -4 / 3], abs=0.2)


def test_stiff_equations_cost_the_root_of_their_stiffness():
    """Rates 1 to ρ, for a time 10: an explicit method needs more than 10 ρ / 4 derivatives."""
    calls = []
    for sharpest in (1e4, 1e6):
        rates = np.geomspace(1.0, sharpest, 30)
        found = solve_ivp(
            lambda t, y, rates=rates: -rates * (y - np.sin(t)),
            (0.0, 10.0),
            np.ones(30),
            method=Chebyshev,
            rtol=RTOL,
        )
        slowest = 0.5 * (np.sin(10.0) - np.cos(10.0)) + 1.5 * np.exp(-10.0)
        assert found.y[0, -1] == pytest.approx(slowest, abs=CLOSE)
        assert found.y[-1, -1] == pytest.approx(np.sin(10.0), abs=CLOSE)
        calls.append(found.nfev)
    assert calls[1] < 20 * calls[0]
    assert calls[1] < 10 * 1e6 / 4 / 10


def test_each_row_has_its_own_accuracy():
    """A row of size 1e-8 is followed as closely as one of size 1, and between steps too."""
    start = np.array([[1.0, 2.0], [1e-8, 3e-8]])
    turn = np.array([[-0.1, 1.0], [-1.0, -0.1]])
    found = solve_ivp(
        lambda _, y: (y.reshape(2, 2) @ turn.T).ravel(),
        (0.0, 3.0),
        start.ravel(),
        method=Chebyshev,
        rtol=RTOL,
        rows=2,
        dense_output=True,
    )
    for t in (1.234, 3.0):
        angle = np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]])
        exact = np.exp(-0.1 * t) * start @ angle.T
        wrong = np.linalg.norm(found.sol(t).reshape(2, 2) - exact, axis=1)
        assert (wrong < CLOSE * np.linalg.norm(exact, axis=1)).all()
