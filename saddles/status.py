"""Why a path or a flow ended; each member is a sentence with its cause and its remedy.

============  ======================================================
code name     meaning
============  ======================================================
``sentence``  what happened, and what to do if it was not wanted
``success``   nothing wrong was returned: the result stands as asked
``options``   the arguments that it names, in braces below
``finished``  training itself ends here: there is no later saddle
============  ======================================================
"""

from __future__ import annotations

import re
from enum import Enum

__all__ = ["TWELVE_DIGITS", "Breakdown", "Status"]

#: A loss that could still fall by this share of the first one has converged.
TWELVE_DIGITS = 1e-12


class Status(Enum):
    """Why a result ends where it ends.

    Attributes
    ----------
    sentence : str
        What happened and what to do about it.
    success : bool
        True if everything returned is right and as asked for.
    finished : bool
        True if the training dynamics itself ends here.
    options : tuple of str
        Arguments that the sentence names: every function that may return the status has them.

    Examples
    --------
    >>> from saddles import Status
    >>> Status.CONVERGED.success, Status.MAX_JUMPS.finished
    (True, False)
    """

    sentence: str
    success: bool
    finished: bool
    options: tuple[str, ...]

    CONVERGED = (
        "converged",
        "The gradient of the loss vanished, to twelve digits of what it could be: training ends "
        "here.",
        True,
        True,
    )
    NOTHING_TO_LEARN = (
        "nothing to learn",
        "The gradient of the loss is zero at the origin (the targets are zero, or orthogonal to "
        "every feature): the origin is where training starts and ends.",
        True,
        True,
    )
    NO_CLOCK_RINGS = (
        "no clock rings",
        "The gradient is not zero, but every unit that it drives has an infinite boundary, so no "
        "clock will ever ring: the loss is minimal among the signs that finite boundaries allow.",
        True,
        True,
    )
    NO_DESCENT = (
        "no direction descends",
        "The gradient of the loss is not zero, but no direction that could still activate lowers "
        "the loss: it is minimal, to first order, among the positive semi-definite matrices.",
        True,
        True,
    )
    MAX_RANK = (
        "max_rank reached",
        "Every column (every neuron) that the network has is active: training ends here, although "
        "a wider one would go on: allow it more of them for that.",
        True,
        True,
    )
    MAX_RANK_LEFT = (
        "max_rank reached, not the end",
        "Every column (every neuron) that the network has is active, but the loss still falls if "
        "they turn, as it does for commuting data: training goes on to another saddle of this "
        "rank, which the path does not follow; allow more of them, or integrate the flow.",
        True,
        False,
    )
    NEURONS_PART = (
        "neurons part",
        "Neurons that share a direction, with several outputs, will part under what is left of the "
        "residual, at a time that hangs on components far below rounding: the path is right up to "
        "here, and training goes on. Start from fewer neurons, one for each direction, or learn "
        "one output at a time.",
        True,
        False,
    )
    NO_GROWTH = (
        "no neuron grows",
        "The loss is not least, but no dormant neuron has a direction of positive utility, or can "
        "turn to one: training ends here, although other initial directions might go on.",
        True,
        True,
    )
    AT_INFINITY = (
        "at infinity",
        "Norms diverge while the loss creeps to an infimum that no finite point attains, and what "
        "is left of it is of the size of that creeping: training ends here. The certificate says "
        "how much of the loss that is.",
        True,
        True,
    )
    MAX_JUMPS = (
        "max_jumps reached",
        "Stopped after {max_jumps} jumps although the loss can still fall; raise max_jumps, or "
        "leave it out, to go on.",
        True,
        False,
    )
    STOPPED = (
        "stopped by callback",
        "The {callback} returned True; the path up to that saddle is complete.",
        True,
        False,
    )
    UNTIL_REACHED = (
        "until reached",
        "Integration stopped at the time asked for, before the gradient vanished; raise {until}, "
        "or leave it out, to follow training to its end.",
        True,
        False,
    )
    TIME_LIMIT = (
        "time_limit reached",
        "Stopped between two steps after {time_limit} seconds; what was found until then is right. "
        "Raise time_limit, or leave it out, to go on.",
        True,
        False,
    )
    RESOLUTION = (
        "resolution reached",
        "Nothing is seen to grow any more, but rounding may hide something that does. `remaining` "
        "says how much of the loss that could be. Drop near-duplicate features, or directions "
        "that are far weaker than others, if they are not meant.",
        True,
        False,
    )
    FITTED = (
        "fitted",
        "The training error fell to the tolerance asked for; lower the {tolerance} to train "
        "further.",
        True,
        False,
    )
    MAX_STEPS = (
        "max_steps reached",
        "Stopped after {max_steps} steps, before the training error fell to the tolerance; raise "
        "max_steps to train further.",
        True,
        False,
    )
    INACCURATE = (
        "inaccurate",
        "A saddle missed its own optimality conditions by more than the certificate tolerance: "
        "some active features are almost collinear, or the data span too many orders of "
        "magnitude. Drop or merge near-duplicate features, or rescale them.",
        False,
        False,
    )
    OVERFLOW = (
        "overflow",
        "A time, a loss or a coefficient is too large for a float64; multiply the targets or the "
        "features by a constant.",
        False,
        False,
    )
    STALLED = (
        "stalled",
        "The cost step did not reach a point where the loss is lower and the gradient of the "
        "active units vanishes: some active features are almost collinear (drop or merge them), or "
        "the minimum lies at infinity.",
        False,
        False,
    )
    UNBOUNDED = (
        "unbounded",
        "The loss falls without bound, or has no minimum at a finite point, along the direction "
        "that activates; add a penalty, observe more, or drop what is not determined.",
        False,
        False,
    )
    LOSS_FAILED = (
        "loss failed",
        "The loss is not what a loss must be where the path led: its value or gradient is no "
        "number, or one is not the derivative of the other. Mend it there, or rescale the targets "
        "so that the path stays where it is sound.",
        False,
        False,
    )
    UNDECIDED = (
        "undecided",
        "What grows next depends on components too small to be known: the data are commuting, or "
        "fall into parts that do not interact, but for rounding or for links about as weak, or the "
        "start lies as close to the way into a saddle. Turn data into the basis in which they part "
        "exactly, perturb data or start so that rounding does not matter, or stop before this "
        "time.",
        False,
        False,
    )
    DIRECTIONS_LOST = (
        "directions lost",
        "A neuron came closer to a direction than float64 can tell, and that direction then became "
        "unstable: when it leaves is decided by rounding, or by {rtol}. Rescale the initial "
        "neurons to a larger alpha, tighten rtol, or use the flow made for this network "
        "(flow.diagonal).",
        False,
        False,
    )
    CREEP_LOST = (
        "creep lost",
        "Norms creep to infinity, pulled so weakly that float64 cannot say how fast, yet at this "
        "alpha they have the time to get far: what comes later depends on how far. "
        "Rescale the initial neurons to a larger alpha, or loosen {rtol}.",
        False,
        False,
    )
    NOT_ALIGNED = (
        "not aligned",
        "The directions of dormant neurons could not be followed to where they rest, or until the "
        "next of them activates. Rescale the data so that all features and the targets are of "
        "order one, or start from other neurons.",
        False,
        False,
    )
    INTEGRATION_FAILED = (
        "integration failed",
        "The integrator could not meet its tolerance; loosen {rtol} (tighten it, if above 1e-6), "
        "or rescale the data so that all features and the targets are of order one.",
        False,
        False,
    )

    def __new__(cls, value: str, sentence: str, success: bool, finished: bool) -> Status:
        """Give every member its short value and its attributes; options stand in braces."""
        member = object.__new__(cls)
        member._value_ = value
        member.sentence = re.sub(r"[{}]", "", sentence)
        member.options = tuple(re.findall(r"{(\w+)}", sentence))
        member.success = success
        member.finished = finished
        return member

    def __repr__(self) -> str:
        return f"Status.{self.name}"


class Breakdown(Exception):
    """Raised by a step that cannot go on; the loop ends the path with its status."""

    def __init__(self, status: Status, detail: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
