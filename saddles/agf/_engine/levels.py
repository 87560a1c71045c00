"""How small is small: numbers that several files of the engine share, each with its reason.

All are relative: the places that use them say to what.
"""

from __future__ import annotations

__all__ = [
    "AMPLITUDE",
    "DONE",
    "FALLEN",
    "HARDLY",
    "NO_PART",
    "ROUGHLY",
    "ROUNDING",
    "SAFELY",
    "STATIONARY",
    "TIE",
]

#: Parts of a vector that are rounding, and the stationarity at which Newton's method stops.
NO_PART = 1e-13
#: Rounding of a sum of many: a gradient, relative to the largest of a phase; the speed of a
#: direction at rest; what a neuron still lacks in the limit, relative to what it lacked.
ROUNDING = 1e-12
#: What rounding leaves of a loss, a utility or a gradient that is zero, relative to the first or to
#: the largest one.
DONE = 1e-10
#: The error of a flow that is followed for long, and so what may be left of a force, of a speed, of
#: a curvature, and of the difference between two neurons, where they are zero.
STATIONARY = 1e-9
#: The error of a direction on its way, and so of a clock: clocks that differ by less, relative to
#: the delay, ring together.
TIE = 1e-8
#: The share of a norm that is small, but large enough for the flow to go on from there: that of a
#: new neuron beside what it will come to, and that by which one is pushed off a saddle.
AMPLITUDE = 1e-2
#: A share that hardly counts, of whatever it is a share of.
HARDLY = 1e-2
#: A force that has fallen to this share has fallen much.
FALLEN = 0.1
#: Numbers that differ by no more than this factor are about equal.
ROUGHLY = 4.0
#: What exceeds an estimate of an error by this factor exceeds the error.
SAFELY = 10.0
