"""Laws of every gradient flow, whatever its coordinates: what a `Flow` must be.

Each takes one flow with the least loss that it could come to, and asserts one thing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saddles import Flow, Status

#: A rise of the loss, relative to the first one, that is the flow's own error.
ERROR = 1e-8

#: Part of the loss that a converged flow may leave, and what rounding may be of the first one.
LEFT, ROUNDING = 1e-8, 1e-14


@dataclass(frozen=True)
class Motion:
    """A flow that can be followed, and the least loss that it could come to, if that is known."""

    follow: Callable[..., Flow]
    least: float | None = None

    @cached_property
    def flow(self) -> Flow:
        """The whole flow."""
        return self.follow()


Law = Callable[[Motion], None]


def _grid(flow: Flow, count: int) -> np.ndarray:
    """Times between the steps of a flow, jumps and plateaus alike."""
    between = np.linspace(0, len(flow.times) - 1, count)
    return np.interp(between, np.arange(len(flow.times)), flow.times)


def the_loss_never_rises(motion: Motion) -> None:
    """Gradient flow goes down."""
    flow = motion.flow
    losses = flow.loss(_grid(flow, 200))
    assert (np.diff(losses) <= ERROR * losses[0]).all()
    assert (flow.loss_rate(_grid(flow, 50)) <= 0).all()


def the_rate_is_the_derivative(motion: Motion) -> None:
    """What the loss has fallen by is the integral of its rate."""
    flow = motion.flow
    places, weights = np.polynomial.legendre.leggauss(4)
    lengths = np.diff(flow.times)
    inner = flow.times[:-1, None] + lengths[:, None] * (places + 1) / 2
    rates = flow.loss_rate(inner.ravel()).reshape(inner.shape)
    fallen = float(np.sum(rates @ weights * lengths) / 2)
    first, last = flow.loss([0.0, flow.until])
    assert abs(fallen - (last - first)) <= 1e-5 * abs(first)


def what_is_conserved_stays(motion: Motion) -> None:
    """The conservation law of the coordinates holds along the whole trajectory."""
    assert motion.flow.conservation <= 1e-6


def jumps_are_a_staircase(motion: Motion) -> None:
    """Jumps come one after the other, between plateaus that fall."""
    flow = motion.flow
    jumps = flow.jumps()
    assert jumps.losses.size == len(jumps) + 1
    assert (np.diff(jumps.losses) < 0).all()
    assert (np.diff(jumps.times) > 0).all()
    assert ((jumps.times > 0) & (jumps.times <= flow.until)).all()


def stopping_early_is_the_beginning(motion: Motion) -> None:
    """A flow that is stopped is where the whole one is at that time."""
    flow = motion.flow
    until = 0.6 * flow.until
    part = motion.follow(until=until)
    assert part.until == until
    first = flow.loss(0.0)
    for tau in np.array([0.3, 0.9]) * until:
        assert abs(part.loss(tau) - flow.loss(tau)) <= 1e-4 * first


def an_end_is_an_end(motion: Motion) -> None:
    """Where a flow says that it has converged, nothing is left to learn, and it rests there."""
    flow = motion.flow
    if not flow.status.finished:
        assert flow.status is Status.RESOLUTION or not flow.success
        return
    if motion.least is not None:
        first, last = flow.loss([0.0, flow.until])
        assert last - motion.least <= LEFT * (first - motion.least) + ROUNDING * first
    later = 2 * flow.until + 1
    assert np.array_equal(flow.at(later), flow.at(flow.until))
    assert flow.loss(later) == flow.loss(flow.until)


def no_times_have_no_points(motion: Motion) -> None:
    """Asked at no time, a flow gives nothing, in the shape of what it gives."""
    flow = motion.flow
    assert flow.at([]).shape == (0, *flow.at(0.0).shape)
    assert flow.loss([]).shape == flow.loss_rate([]).shape == (0,)


LAWS: tuple[Law, ...] = (
    no_times_have_no_points,
    the_loss_never_rises,
    the_rate_is_the_derivative,
    what_is_conserved_stays,
    jumps_are_a_staircase,
    stopping_early_is_the_beginning,
    an_end_is_an_end,
)
