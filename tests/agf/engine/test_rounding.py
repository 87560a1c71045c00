"""What rounding of the force may do to the active neurons, against the force in more digits."""

from dataclasses import replace

import numpy as np
import pytest

from saddles.agf._engine.coordinates import Coordinates
from saddles.homogeneous import Declared
from saddles.status import Breakdown
from tests.agf.networks import power

#: The estimate is the largest of some trials, and rounding differs from digit to digit: it may be
#: this much less than what there is, and this much more.
LESS, MORE = 2.0, 20.0


def drifts(seed, duration):
    """What is estimated of neurons that nearly cancel, and what float64 leaves out of their force.

    Both are how far z is moved in the duration; curvature undoes much of it.
    """
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((30, 3)), rng.standard_normal(30)
    theta = rng.standard_normal((2, 4))
    theta = np.vstack([theta, theta[0] * [-1, 1, 1, 1] + 1e-3 * rng.standard_normal(4)])
    run = Coordinates.everywhere(Declared.of(power(X, y, 3)), theta)
    exact = power(X.astype(np.longdouble), y.astype(np.longdouble), 3)
    z = run.origin
    lost = run.gradient(z) - (exact.gradient(run.at(z).astype(np.longdouble)) @ run.basis).ravel()
    values, vectors = np.linalg.eigh(run.hessian(z))
    held = np.minimum(duration, 1 / np.abs(values))
    return run.drift(z, duration), float(np.linalg.norm(held * (vectors.T @ lost.astype(float))))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("duration", [1e-3, 1.0, 1e3, 1e6])
def test_drift_is_what_more_digits_would_change(seed, duration):
    estimated, exact = drifts(seed, duration)
    assert exact / LESS <= estimated <= MORE * exact


def test_second_derivatives_that_leave_float64_are_named():
    rng = np.random.default_rng(0)
    network = Declared.of(power(rng.standard_normal((5, 3)), rng.standard_normal(5), 3))
    run = Coordinates.everywhere(network, rng.standard_normal((2, 4)))
    far = replace(run, theta=1e80 * run.theta)
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(Breakdown, match="overflow"):
        far.drift(far.origin)
