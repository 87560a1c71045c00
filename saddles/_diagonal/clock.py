"""The clock of a neuron u v from (α, 0): its growth and its phase, in units of log(1/α).

While the residual stands still, |θ|² = α² cosh(phase), and the phase turns at a constant rate
(Kunin et al. 2025, arXiv:2506.06489, section 4). Growth is S = log(|θ|/α). Neither exponential is
formed.

==============  ===================================================================
code name       symbol
==============  ===================================================================
``scale``       log(1/α), the unit; infinite in the limit
``growth``      S / log(1/α)
``phase``       arccosh(|θ|²/α²) / log(1/α)
``threshold``   arccosh(h²/α²) / log(1/α), the phase at which a neuron counts as active
==============  ===================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saddles import checks
from saddles.typing import Array

__all__ = ["Clock"]

#: From here on log cosh is linear to the last digit.
LINEAR = 20.0


@dataclass(frozen=True)
class Clock:
    """The map between a neuron's growth S and its phase, both in units of log(1/α)."""

    scale: float
    threshold: float

    @classmethod
    def of(cls, log_alpha: float, activation_norm: float | None) -> Clock:
        """Return the clock for an initial scale and a norm of activation."""
        scale = -checks.log_scale(log_alpha, allow_limit=True)
        if activation_norm is None:
            return cls(scale, 2.0)
        rule = "a neuron must have to grow to become active; give a finite norm above alpha"
        norm = checks.real_number(
            activation_norm,
            "activation_norm",
            rule,
            lambda h: 0 < h < math.inf and math.log(h) > -scale,
        )
        goal = 1.0 if math.isinf(scale) else 1.0 + math.log(norm) / scale
        return cls(scale, float(cls(scale, 2.0).phase(np.float64(goal))))

    def phase(self, growth: Array | np.float64) -> Array:
        """Return arccosh(|θ|²/|θ(0)|²) = arccosh(exp 2S), without ever forming the exponential."""
        if math.isinf(self.scale):
            return np.asarray(2 * growth)
        log_ratio = 2 * self.scale * growth
        return np.asarray((log_ratio + np.log1p(np.sqrt(-np.expm1(-2 * log_ratio)))) / self.scale)

    def growth(self, phase: Array) -> Array:
        """Return S = ½ log cosh(phase): the inverse of `phase`."""
        if math.isinf(self.scale):
            return np.abs(phase) / 2
        angle = np.abs(phase) * self.scale
        near = np.minimum(angle, LINEAR)
        squared = np.sinh(near)
        squared *= squared
        return np.asarray((angle - near + np.log1p(squared) / 2) / (2 * self.scale))
