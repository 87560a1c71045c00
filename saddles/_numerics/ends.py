"""Whether an end is an end: what still moves, what could still grow, and what that would be worth.

Training has ended where the active weights rest at a critical point and no dormant direction could
still grow. A dormant weight says nothing about that: it is tiny because it is dormant. So nothing
here looks at the sizes of weights. Whoever follows a flow hands over, in function space,

* how strongly each active unit is still pulled, and how strongly it would be if it were not there;
* at what rate each dormant direction could grow;
* what the loss could still fall by.

==============  =========================================================================
code name       meaning
==============  =========================================================================
``pull``        of an active unit: what drives it, (k,), in units of the pace
``own``         the same without what it has learnt itself, (k,)
``growth``      largest rates at which dormant directions can grow, (m,), in those units
``gain``        what the loss falls by if they do, (m,)
``left``        upper bound of what is left of the loss
``whole``       what there was of it at the start
==============  =========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saddles._numerics.precision import CONSTANT, ULPS
from saddles.status import Status
from saddles.typing import Array, ArrayLike

__all__ = ["LEAST_RATE", "Outlook", "endless", "gains", "still", "together"]

#: A dormant direction that grows slower than this, relative to the first and largest rate, is not
#: waited for: nor do paths of greedy low-rank learning, so that a flow and its path end alike.
LEAST_RATE = 1e-10

#: Loss below the first, relative to what there was of it, is nothing: its square root is what the
#: tolerances of flows leave of a residual. Below the second it is nothing if rounding hides it.
LEAST_LEFT, LEAST_HIDDEN = 1e-10, 1e-8


#: On the way to infinity sizes still grow, per decade of pace, by this share of the decade before.
ENDLESS = 0.7


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What could still happen from here.

    Attributes
    ----------
    moves : bool
        Whether an active unit is away from its critical point, or a dormant one could grow.
    left : float
        Upper bound of what the loss could still fall by.
    whole : float
        What there was to fall by at the start.
    hidden : float
        What rounding could hide of the loss. The rest of a larger `left` will show itself, if one
        goes on. By default it hides everything, which is right where nothing moves at all.
    next_jump : float or None
        Scaled time of the next jump; None where it is not known.

    Examples
    --------
    >>> from saddles._numerics.ends import Outlook
    >>> Outlook(moves=False, left=0.0, whole=1.0).status
    Status.CONVERGED
    >>> Outlook(moves=False, left=0.1, whole=1.0).status
    Status.RESOLUTION
    >>> Outlook(moves=True, left=0.1, whole=1.0).status is None
    True
    """

    moves: bool
    left: float
    whole: float
    hidden: float = math.inf
    next_jump: float | None = None

    @property
    def status(self) -> Status | None:
        """Why training ends here; None if it does not."""
        if self.moves:
            return None
        least = LEAST_LEFT if self.left > self.hidden else LEAST_HIDDEN
        if self.left <= least * self.whole:
            return Status.CONVERGED
        return Status.RESOLUTION if self.left <= self.hidden else None


def together(parts: Sequence[Outlook]) -> Outlook:
    """Return the outlook on what consists of parts that never meet."""
    jumps = [part.next_jump for part in parts]
    return Outlook(
        moves=any(part.moves for part in parts),
        left=sum(part.left for part in parts),
        whole=sum(part.whole for part in parts),
        hidden=sum(part.hidden for part in parts),
        next_jump=None if None in jumps else min(jumps),  # type: ignore[type-var]
    )


def still(pull: Array, own: Array, rtol: float) -> Array:
    """Return which pulls (k,) are zero up to `rtol` times their `own` size (k,), or rounding."""
    return np.asarray(np.abs(pull) <= np.maximum(rtol * np.abs(own), CONSTANT))


def gains(growth: Array, curvature: Array) -> Array:
    """Return λ²/(2κ), what directions of growth λ and curvature κ, both (m,), are worth.

    Rates that rounding leaves of zero, relative to the pace, are worth nothing.
    """
    grows = growth > ULPS
    worth = np.zeros_like(growth)
    bent = grows & (curvature > 0)
    worth[bent] = growth[bent] ** 2 / (2 * curvature[bent])
    worth[grows & ~bent] = math.inf
    return worth


def endless(spread: Sequence[ArrayLike]) -> bool:
    """Whether a size, its logarithm at every decade of the pace or force, last grew as before.

    A size that tends to a finite one makes ever shorter steps. On the way to a minimum at infinity
    it is a power of the force.
    """
    steps = np.diff(np.array(spread[-4:], dtype=float), axis=0)
    if len(steps) < 3:
        return False
    grows = (steps[0] > 0) & (steps[1:] >= ENDLESS * steps[:-1]).all(axis=0)
    return bool(grows.any())
