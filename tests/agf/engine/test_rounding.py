"""What rounding of the force may do to the active neurons, against the force in more digits."""

import numpy as np
import pytest

from saddles.agf._engine.coordinates import Coordinates
from saddles.homogeneous import Declared
from tests.agf.networks import power

#: Rounding differs from digit to digit, so it is known to about this factor.
ROUGHLY = 20.0


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
    assert exact / ROUGHLY <= estimated <= ROUGHLY * exact
