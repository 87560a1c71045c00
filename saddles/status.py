"""Why a path or a flow ended: each member has a cause and a remedy, in plain sentences.

============  ======================================================
code name     meaning
============  ======================================================
``cause``     what happened
``remedy``    what to do if another end was wanted
``success``   everything returned is right and as asked for
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
    cause : str
        What happened.
    remedy : str
        What to do if another end was wanted.
    success : bool
        True if everything returned is right and as asked for.
    finished : bool
        True if the training dynamics itself ends here.
    options : tuple of str
        Arguments that these sentences name: every function that may return the status has them.

    Examples
    --------
    >>> from saddles import Status
    >>> Status.CONVERGED.success, Status.MAX_JUMPS.finished
    (True, False)
    >>> Status.MAX_JUMPS.remedy
    'Raise max_jumps, or leave it out, to go on.'
    """

    cause: str
    remedy: str
    success: bool
    finished: bool
    options: tuple[str, ...]

    CONVERGED = (
        "converged",
        "The gradient of the loss is zero to rounding, relative to its largest possible "
        "value: training ends here.",
        "Nothing needs to be done.",
        True,
        True,
    )
    NOTHING_TO_LEARN = (
        "nothing to learn",
        "The gradient of the loss is zero at the origin, so training starts and ends there. "
        "The targets are zero, or orthogonal to every feature.",
        "Check the targets if this is unexpected.",
        True,
        True,
    )
    NO_CLOCK_RINGS = (
        "no clock rings",
        "The gradient is not zero, but every unit that it drives has an infinite boundary, so "
        "no clock will ever ring. The loss is minimal among the signs that finite boundaries "
        "allow.",
        "To learn with the other signs, give them finite boundaries.",
        True,
        True,
    )
    NO_DESCENT = (
        "no direction descends",
        "The gradient of the loss is not zero, but no direction that could still activate "
        "lowers the loss. The loss is minimal, to first order, among the positive "
        "semi-definite matrices.",
        "To fit a matrix with negative eigenvalues, use a linear network (agf.linear).",
        True,
        True,
    )
    MAX_RANK = (
        "max_rank reached",
        "All columns (neurons) of the network are active: its training ends here.",
        "A wider network may learn more: allow it more columns or neurons.",
        True,
        True,
    )
    MAX_RANK_LEFT = (
        "max_rank reached, not the end",
        "All columns (neurons) are active, but the loss can still fall if their directions "
        "rotate, as for commuting data. Training goes on to another saddle of this rank, "
        "which the path does not follow.",
        "Allow more columns or neurons, or integrate the flow.",
        True,
        False,
    )
    NEURONS_PART = (
        "neurons part",
        "Neurons share a direction and may separate later, at a time that depends on differences "
        "below rounding. The path is right up to here, and training may go on.",
        "Start with one neuron per direction, learn one output at a time, or give a smooth "
        "network its second derivatives.",
        True,
        False,
    )
    TIED = (
        "singular values tied",
        "The two largest singular values of the gradient between dormant directions are nearly "
        "equal. Theory decides which of the two directions activates only for initial scales far "
        "below those of any training. The path is right up to here, and training goes on.",
        "Change the data so that the singular values differ by more, start from layers that are "
        "not all alike if they are equal, or integrate the flow.",
        True,
        False,
    )
    DEGREE_ONE = (
        "degree one",
        "Hidden units of degree one (linear or ReLU) share the direction that activates, and no "
        "theory says when the next direction does. Or dormant weights grow exponentially at this "
        "saddle, or active weights yield to them as they grow, which no theory covers either. The "
        "path is right up to here, and training goes on. If there is no jump yet, `remaining` has "
        "the time and the direction of the first one, if known.",
        "Use activations of degree two or more, agf.deep_linear for linear layers, or integrate "
        "the flow.",
        True,
        False,
    )
    SIGN_CONSERVED = (
        "sign conserved",
        "The loss can be lower, but the dormant layers shrink towards zero. The flow conserves a "
        "sign: for balanced layers it is that of the determinant of W. Every direction that lowers "
        "the loss needs the other sign, so training from these layers ends here.",
        "Start from layers that are not balanced, or whose product has the other sign.",
        True,
        True,
    )
    NO_GAIN = (
        "no gain",
        "The last jumps lowered the training loss, but not the score: the validation loss or, "
        "without validation samples, that of generalised cross-validation.",
        "Raise patience, or give more samples, to grow a wider network.",
        True,
        False,
    )
    NO_GROWTH = (
        "no neuron grows",
        "The loss can be lower, but no dormant neuron has a positive utility, or can turn to a "
        "direction of positive utility: training from these neurons ends here.",
        "Start from other initial directions, or from more neurons.",
        True,
        True,
    )
    AT_INFINITY = (
        "at infinity",
        "Norms grow without bound while the loss approaches an infimum that no finite point "
        "attains. The remaining loss is no larger than the error of this approach, so "
        "training ends here.",
        "Nothing needs to be done. The size of that error is in the certificate.",
        True,
        True,
    )
    MAX_JUMPS = (
        "max_jumps reached",
        "The path stopped after {max_jumps} jumps, although the loss can still fall.",
        "Raise max_jumps, or leave it out, to go on.",
        True,
        False,
    )
    STOPPED = (
        "stopped by callback",
        "The {callback} returned True. The path up to that saddle is complete.",
        "To go on, let the callback return False.",
        True,
        False,
    )
    UNTIL_REACHED = (
        "until reached",
        "Integration stopped at the time asked for, before the gradient was zero.",
        "Raise {until}, or leave it out, to follow training to its end.",
        True,
        False,
    )
    TIME_LIMIT = (
        "time_limit reached",
        "The computation stopped between two steps after {time_limit} seconds. What was found "
        "until then is right.",
        "Raise time_limit, or leave it out, to go on.",
        True,
        False,
    )
    RESOLUTION = (
        "resolution reached",
        "Nothing is observed to grow, but rounding, or the error of a saddle at infinity, may "
        "hide something that does. `remaining` bounds how much of the loss that could be.",
        "Drop near-duplicate features, or directions far weaker than others, if they do not "
        "matter.",
        True,
        False,
    )
    FITTED = (
        "fitted",
        "The training error fell to the {tolerance} asked for.",
        "Lower the tolerance to train further.",
        True,
        False,
    )
    MAX_STEPS = (
        "max_steps reached",
        "Training stopped after {max_steps} steps, before the training error fell to the "
        "tolerance.",
        "Raise max_steps to train further.",
        True,
        False,
    )
    INACCURATE = (
        "inaccurate",
        "A saddle misses its own optimality conditions by more than the certificate "
        "tolerance. Some active features are almost collinear, or the data span too many "
        "orders of magnitude.",
        "Drop or merge near-duplicate features, or rescale them.",
        False,
        False,
    )
    OVERFLOW = (
        "overflow",
        "A time, a loss or a coefficient is too large for a float64.",
        "Multiply the targets or the features by a constant.",
        False,
        False,
    )
    STALLED = (
        "stalled",
        "The descent of the active units did not reach a point where their gradient is zero "
        "and the loss is lower. Some active features are almost collinear, or the minimum "
        "lies at infinity.",
        "Drop or merge near-duplicate features, change the initial directions, or stop one "
        "jump earlier.",
        False,
        False,
    )
    UNBOUNDED = (
        "unbounded",
        "The loss falls without bound, or has no minimum at a finite point, along the "
        "direction that activates.",
        "Add a penalty, observe more entries, or drop what the data do not determine.",
        False,
        False,
    )
    LOSS_FAILED = (
        "loss failed",
        "The loss failed at a point of the path: its value or gradient is not finite, or one is "
        "not the derivative of the other.",
        "Correct the loss, or rescale the targets so that the path does not reach that point.",
        False,
        False,
    )
    UNDECIDED = (
        "undecided",
        "Which direction grows next depends on components far below rounding. The data "
        "commute, or split into parts that do not interact, up to rounding or very weak "
        "links.",
        "Rotate the data into the basis in which they commute or split exactly, perturb them so "
        "that the links are stronger, or stop earlier.",
        False,
        False,
    )
    DIRECTIONS_LOST = (
        "directions lost",
        "A neuron came closer to a direction than float64 resolves, and that direction then "
        "became unstable. When the neuron leaves it is decided by rounding, or by {rtol}.",
        "Rescale the initial neurons to a larger alpha, tighten rtol, or use the flow made "
        "for this network (flow.diagonal, flow.linear).",
        False,
        False,
    )
    CREEP_LOST = (
        "creep lost",
        "Norms grow without bound, too slowly for float64 to resolve, yet at this alpha they "
        "have time to grow far. Later events depend on how far.",
        "Rescale the initial neurons to a larger alpha, or loosen {rtol}.",
        False,
        False,
    )
    NOT_ALIGNED = (
        "not aligned",
        "The directions of dormant neurons could not be followed to where they rest, or until "
        "the next of them activates.",
        "Rescale the data so that all features and the targets are of order one, or start "
        "from other neurons.",
        False,
        False,
    )
    INTEGRATION_FAILED = (
        "integration failed",
        "The integrator could not meet its tolerance.",
        "Loosen {rtol} (tighten it, if it is above 1e-6), or rescale the data so that all "
        "features and the targets are of order one.",
        False,
        False,
    )

    def __new__(cls, value: str, cause: str, remedy: str, success: bool, finished: bool) -> Status:
        """Give every member its short value and its attributes; options stand in braces."""
        member = object.__new__(cls)
        member._value_ = value
        member.cause, member.remedy = (re.sub(r"[{}]", "", text) for text in (cause, remedy))
        member.options = tuple(re.findall(r"{(\w+)}", cause + remedy))
        member.success, member.finished = success, finished
        return member

    @property
    def sentence(self) -> str:
        """What happened, and what to do about it; for an end that needs nothing, the first."""
        return self.cause if self is Status.CONVERGED else f"{self.cause} {self.remedy}"

    def __repr__(self) -> str:
        return f"Status.{self.name}"


class Breakdown(Exception):
    """Raised by a step that cannot go on; the loop ends the path with its status.

    `left` bounds how far the loss may still fall, where that is known.
    """

    def __init__(self, status: Status, detail: str = "", *, left: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.left = left
