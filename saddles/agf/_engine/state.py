"""Where a path of neurons stands: active and dormant ones, and what is known of their saddle."""

from __future__ import annotations

import math
from dataclasses import dataclass

from saddles.agf._engine.clock import Dormant
from saddles.agf._engine.parting import Deviations
from saddles.typing import Array, Indices, Mask

__all__ = ["State"]


@dataclass(frozen=True, eq=False)
class State:
    """Neurons (H, p), active and dormant.

    ``theta`` is zero in the rows of dormant ones, of which ``dormant`` has directions and lacking
    utility. ``sizes`` are the norms that neurons came to as they activated, ``rang`` the rows that
    activated last.
    """

    jumps: int
    time: float
    theta: Array
    active: Mask
    previous: Mask
    dormant: Dormant
    rang: Indices
    sizes: Array
    loss: float
    stationarity: float = 0.0
    creep: float = 0.0
    margin: float = math.inf
    pull: float = 0.0
    unique: bool = True
    deviations: tuple[Deviations, ...] = ()
    conjectured: bool = False

    @property
    def neurons(self) -> Array:
        """Return the active neurons (A, p)."""
        return self.theta[self.active]
