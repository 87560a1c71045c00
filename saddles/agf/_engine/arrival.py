"""Whether a flow of active neurons has come near a critical point, and to which.

Newton's method is tried at steps of the flow. What it finds is where the flow goes, but in a valley
of critical points it misses the flow's point by about the square of the distance. So the flow is
followed further, until it has nearly come there itself.

==============  ====================================================================
code name       symbol
==============  ====================================================================
``peak``        largest |∂L/∂z| so far
``due``         the force at which Newton's method is tried next
``found``       the critical point, (A m,)
==============  ====================================================================
"""

from __future__ import annotations

import math

import numpy as np

from saddles._result.certificate import CERTIFICATE_TOLERANCE
from saddles.agf._engine.active_flow import Step
from saddles.agf._engine.coordinates import Coordinates
from saddles.agf._engine.levels import DONE, FALLEN, HARDLY, NO_PART, STATIONARY
from saddles.typing import Array

__all__ = ["Nearby"]

#: The search for a point that was found is repeated when the force has fallen much, or the
#: logarithm of time has grown by this.
LATER = 1.0
#: The flow has come there at this distance, relative to |θ|, if the point is certain to `DONE`, or
#: once the logarithm of time has grown by `VALLEY_PATIENCE`: it may drift on along a valley that
#: is nearly flat, along which Newton's method does not move.
THERE, VALLEY_PATIENCE = 1e-4, 20.0
#: Points that are stationary up to the integrator's error while the logarithm of time grows by
#: this, and from which no curvature leads down, are critical enough, though Newton's method finds
#: none near in their flat valley.
CALM = 12.0


class Nearby:
    """The critical point near a flow, if there is one: asked at each of its steps.

    Attributes
    ----------
    found : ndarray of shape (A m,), optional
        The best that is known of it.
    """

    def __init__(self, run: Coordinates) -> None:
        self.run, self.era = run, 0
        self.peak, self.due = 0.0, 0.0
        self.tried, self.calm = 0.0, math.inf
        self.found: Array | None = None
        self.sought, self.until = (math.inf, math.inf), math.inf

    def begins_anew(self, step: Step) -> bool:
        """Whether the force is larger than ever, or a slow saddle was left; all is tried again."""
        if step.era > self.era:
            self.era, self.tried, self.calm = step.era, 0.0, math.inf
        elif step.force <= self.peak:
            return False
        self.peak, self.due, self.found = step.force, HARDLY * step.force, None
        return True

    def settled(self, step: Step) -> bool:
        """Whether the flow has nearly come to the critical point `found`."""
        age = max(step.age, 0.0)
        if self.found is None:
            self.found, self.until = self._critical(step), age + VALLEY_PATIENCE
        elif step.force <= FALLEN * self.sought[0] or age >= self.sought[1] + LATER:
            closer = self._polished(step)
            self.found = self.found if closer is None else closer
        else:
            return False
        if self.found is None:
            return False
        self.sought = step.force, age
        run, force = self.run, float(np.linalg.norm(self.run.gradient(self.found)))
        there = np.linalg.norm(self.found - step.z) <= THERE * run.norm(step.z)
        return bool(there and run.size(self.found, force) <= DONE) or age >= self.until

    def _critical(self, step: Step) -> Array | None:
        """Return the critical point (A m,) near the end of the step, if there is one."""
        run, z, force, age = self.run, step.z, step.force, step.age
        size = run.size(z, force)
        if size > CERTIFICATE_TOLERANCE:
            self.calm = math.inf
        still = size <= STATIONARY and age > self.tried
        if not (still or force <= self.due):
            return None
        found = self._polished(step)
        if found is not None:
            return found
        self.due, self.tried = min(self.due, FALLEN * force), max(age, 0.0) + LATER
        if still:
            self.calm = min(self.calm, age) if run.flat(z, force) else math.inf
        return z if still and age - self.calm >= CALM else None

    def _polished(self, step: Step) -> Array | None:
        """Return what Newton's method finds; where it gains nothing, the flow may still go on."""
        found = self.run.polish(step.z)
        if found is step.z and self.run.size(step.z, step.force) > NO_PART:
            return None
        return found
