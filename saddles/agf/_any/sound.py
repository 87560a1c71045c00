"""Whether an object that a user brings is the network that it says it is.

A wrong gradient would show as a path that stalls, or that is simply wrong. So a few random neurons
are asked first, by what every `saddles.homogeneous.HomogeneousNetwork` obeys:

- U(sθ) = s^κ U(θ), and hence θ·∇U(θ) = κ U(θ) (Euler);
- ∂L/∂θ = −∇U(θ), of each neuron beside all of them;
- ∂L/∂θ is the derivative of L;
- Σ_i c_i θ_i ∂U/∂θ_i = 0, if it says that its flow conserves Σ_i c_i θ_i².
"""

from __future__ import annotations

import numpy as np

from saddles.homogeneous import Declared
from saddles.typing import Array

__all__ = ["check_network"]

#: Random neurons, and the factor by which they are stretched.
PROBES, STRETCH = 3, 1.7
#: Relative deviation that rounding explains, and one that differences of the loss explain. Their
#: step, relative to a neuron.
ROUNDING, DIFFERENCE, STEP = 1e-8, 1e-4, 1e-5


def check_network(network: Declared) -> None:
    """Raise unless a network obeys its laws on a few random neurons.

    Raises
    ------
    ValueError
        Which method is wrong, by how much, and what it must return.
    """
    # Without others there may be no utility at all: targets may be orthogonal to all outputs.
    theta, others = np.random.default_rng(0).standard_normal((2, PROBES, network.size))
    utility = np.asarray(network.utility(theta, others))
    slope = np.asarray(network.utility_gradient(theta, others))
    gradient = np.asarray(network.gradient(theta))
    _shaped("utility(theta, active)", utility, theta.shape[:1])
    _shaped("utility_gradient(theta, active)", slope, theta.shape)
    _shaped("gradient(theta)", gradient, theta.shape)
    degree, stretched = network.degree, network.utility(STRETCH * theta, others)
    told = f"degree={degree!r}, so network.utility(theta)"
    rule = f"{told} must grow by s**{degree} with theta"
    _equal(rule, stretched, STRETCH**degree * utility, ROUNDING)
    rule = f"{told} times {degree} must be the sum of theta * utility_gradient(theta)"
    _equal(rule, np.sum(theta * slope, axis=1), degree * utility, ROUNDING)
    rule = "network.gradient(theta) must be -utility_gradient(theta, theta)"
    _equal(rule, gradient, -network.utility_gradient(theta, theta), ROUNDING)
    if network.conserved is not None:
        pulled = theta * slope
        rule = "the sum of network.conserved * theta * utility_gradient(theta) must be zero"
        lost = pulled @ network.conserved
        _equal(rule, lost, np.zeros_like(lost), ROUNDING, float(np.abs(pulled).max()))
    aside = STEP * np.random.default_rng(1).standard_normal(theta.shape)
    change = network.loss(theta + aside) - network.loss(theta - aside)
    rule = "network.gradient(theta) must be the derivative of network.loss(theta)"
    along = np.array([2 * np.sum(gradient * aside)])
    size = 2 * float(np.linalg.norm(gradient) * np.linalg.norm(aside))
    _equal(rule, along, np.array([change]), DIFFERENCE, size)


def _shaped(name: str, found: Array, shape: tuple[int, ...]) -> None:
    if found.shape != shape:
        raise ValueError(
            f"network.{name} has shape {found.shape} for {PROBES} neurons; it must be {shape}: "
            "see saddles.homogeneous."
        )


def _equal(rule: str, found: Array, wanted: Array, share: float, size: float | None = None) -> None:
    size = float(np.abs(wanted).max()) if size is None else size
    gap = float(np.abs(found - wanted).max())
    if not gap <= share * size:
        raise ValueError(
            f"{rule}; on random neurons they differ by {gap:.3g}, where the larger is {size:.3g}. "
            "Correct the method that is wrong."
        )
