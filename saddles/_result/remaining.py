"""What a result leaves undone: how far the loss could still fall, and when it would next jump."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["UNKNOWN", "Remaining"]


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """What would still happen after the end of a path or a flow, as far as it is known.

    Attributes
    ----------
    loss : float or None
        Upper bound of how far the loss could still fall, in its own units; None where none is
        known.
    next_jump : float or None
        Scaled time at which the next jump would come: infinite if there is none, None where it is
        not known.

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


UNKNOWN = Remaining()
