"""Error bars of jump times: the rest of a path, run again with what it leaves open decided anew.

After a saddle at infinity a jump time may depend on tolerances. So everything from the first such
saddle on is computed once more: other directions in which new neurons are tilted, coarser
directions of dormant ones, coarser estimates of infima. At a finite initial scale two things that
the alternation leaves out are put in, too, each in its simplest form, from the first jump on:
neurons creep for a share of the plateau only, not to infinity, and dormant neurons go on growing
while active ones descend. How far a time moves is its error bar.

A jump of the first path is made by the second one when its loss comes below the middle between the
two saddles, in however many jumps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from saddles._result.path import Saddle
from saddles.agf._engine.levels import HARDLY, SAFELY
from saddles.agf._engine.setting import Again, NeuronPath, Setting
from saddles.status import Breakdown
from saddles.typing import Array

__all__ = ["grown_on", "with_error_bars"]

#: No tolerance of the second run is larger.
LOOSEST = 0.5


def with_error_bars(
    path: NeuronPath,
    setting: Setting,
    since: int,
    again: Callable[[Setting], Iterator[Saddle]],
) -> NeuronPath:
    """Return the path with the error bars of its jump times.

    Parameters
    ----------
    path : NeuronPath
        The first run, in the user's units.
    setting : Setting
        That of the first run.
    since : int
        The saddle from which on it is run again.
    again : callable
        Setting -> the saddles of a second run, from that saddle on.
    """
    if not path.certificates.at_infinity[:-1].any():
        return path
    limits = setting.limits
    # Two runs whose tolerances differ by less would show the error of the second.
    creep, rtol = (min(SAFELY * limit, LOOSEST) for limit in (limits.creep, limits.rtol))
    other = replace(
        setting,
        limits=replace(limits, creep=creep, rtol=rtol),
        again=Again.of(path.times / setting.units.time, setting.clock),
        seen=[],
    )
    errors = _moved(path, since, again(other))
    return replace(path, certificates=replace(path.certificates, time_error=errors))


def _moved(path: NeuronPath, since: int, again: Iterator[Saddle]) -> Array:
    """Return how far times move, relative to them, (K+1,); infinite where there is no such jump."""
    middles = (path.losses[:-1] + path.losses[1:]) / 2
    errors = np.zeros(len(path))
    errors[since + 1 :] = math.inf
    try:
        for saddle in again:
            reached = np.isinf(errors)
            reached[1:] &= saddle.loss <= middles
            errors[reached] = np.abs(saddle.time - path.times[reached]) / path.times[reached]
            if not np.isinf(errors).any():
                break
    except Breakdown:  # what was not reached by then stays unknown
        pass
    return errors


def grown_on(
    setting: Setting, directions: Array, lacking: Array, before: Array, lasted: float
) -> Array:
    """Return what neurons lack (H,) after a descent that `lasted` so long.

    In a second run dormant ones grow on meanwhile, beside the neurons `before` (A, p) the jump. One
    that comes to ring keeps a little of what it lacks: it rings next.
    """
    duration = setting.again.during(lasted)
    if not duration:
        return lacking
    growth = np.sum(setting.pull(before)(directions) * directions, axis=1)
    return np.asarray(np.maximum(lacking - growth * duration, HARDLY * lacking))
