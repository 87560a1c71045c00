"""What a result leaves undone: how far the loss could still fall, and when it would next jump."""

from __future__ import annotations

import math
from dataclasses import dataclass

from saddles._numerics.ends import Outlook

__all__ = ["NOTHING", "UNKNOWN", "Remaining", "left_by"]


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """What would happen after the end of a path or a flow: its loss still to fall, its next jump.

    Attributes
    ----------
    loss : float or None
        Upper bound of how far the loss could still fall, in the units of the loss; None if no
        bound is known.
    next_jump : float or None
        Scaled time of the next jump: infinite if no jump would come, None if the time is not
        known.
    direction : tuple of float or None
        Unit vector along which the weights leave at the next jump; None if it is not known.

    Examples
    --------
    The second jump is left out here:

    >>> import saddles
    >>> path = saddles.pesme_flammarion([[1.0, 0.0], [0.0, 1.0]], [4.0, 2.0], max_jumps=1)
    >>> path.status, path.times.tolist(), path.remaining.next_jump
    (Status.MAX_JUMPS, [0.0, 0.5], 1.0)
    """

    loss: float | None = None
    next_jump: float | None = None
    direction: tuple[float, ...] | None = None


UNKNOWN = Remaining()

#: Training rests, and nothing is left.
NOTHING = Remaining(loss=0.0, next_jump=math.inf)


def left_by(outlook: Outlook) -> Remaining:
    """Return what remains where a flow ends with this outlook."""
    loss = outlook.left if math.isfinite(outlook.left) else None
    if outlook.status is None:
        return Remaining(loss=loss, next_jump=outlook.next_jump)
    return Remaining(loss=loss, next_jump=math.inf if outlook.status.finished else None)
