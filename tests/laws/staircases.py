"""Laws of every staircase, whatever the algorithm: what a `SaddlePath` must be.

Each takes one problem with its solver, and asserts one thing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from saddles import SaddlePath, Status


class Solve:
    """A solver with its problem: called with other options only, and asked once for each."""

    def __init__(self, solver: Callable[..., SaddlePath], *data: Any, **options: Any) -> None:
        self.solver, self.data, self.options = solver, data, options
        self.known: dict[int | None, SaddlePath] = {}

    def __repr__(self) -> str:
        return f"{self.solver}, {self.data}, {self.options}"

    def __call__(self, max_jumps: int | None = None) -> SaddlePath:
        if max_jumps not in self.known:
            self.known[max_jumps] = self.anew(max_jumps=max_jumps)
        return self.known[max_jumps]

    def anew(self, **options: Any) -> SaddlePath:
        """Solve it, whether it was solved before or not."""
        limits = [options.pop("max_jumps", None), self.options.get("max_jumps")]
        least = min((limit for limit in limits if limit is not None), default=None)
        given = self.options | options | {"max_jumps": least, "on_failure": "return"}
        return self.solver(*self.data, **given)


Law = Callable[[Solve], None]

#: What a certificate may show.
CERTIFIED = 1e-7

#: A rise of the loss, relative to the first one, that is rounding.
ROUNDING = 1e-14


def certificates(solve: Solve) -> None:
    """Every saddle meets its optimality conditions; margins are leads."""
    certificates = solve().certificates
    assert all(certificates[k].holds(CERTIFIED) for k in range(len(certificates.margin)))
    assert certificates.margin[0] == np.inf
    assert (certificates.margin >= 0).all()


def staircase(solve: Solve) -> None:
    """Jumps come one after the other, each lets somebody in or out, and the loss never rises."""
    path = solve()
    assert path.times[0] == 0
    assert (np.diff(path.times) > 0).all()
    assert (np.diff(path.losses) <= ROUNDING * abs(path.losses[0])).all()
    assert all(saddle.entered.size + saddle.left.size for saddle in list(path)[1:])


def units(solve: Solve) -> None:
    """Who is active is who was, and who entered, without who left."""
    before: set[int] = set()
    for saddle in solve():
        now, entered, left = (
            set(group.tolist()) for group in (saddle.active, saddle.entered, saddle.left)
        )
        assert now == (before | entered) - left
        before = now


def ends(solve: Solve) -> None:
    """A path that ends where training ends has no next jump, and rests at any later time."""
    path = solve()
    if path.status.finished:
        assert path.remaining.next_jump == np.inf
        later, last = path.at(2 * path.times[-1] + 1), path.at(path.times[-1])
        assert np.array_equal(*(getattr(p, "toarray", lambda p=p: p)() for p in (later, last)))
    if path.status is Status.NOTHING_TO_LEARN:
        assert len(path) == 1


def stopping_early_changes_no_bit(solve: Solve) -> None:
    """A path of at most k jumps is the beginning of the whole one, and says when it goes on."""
    path = solve()
    for k in range(len(path)):
        part = solve(k)
        assert part.times.tolist() == path.times[: k + 1].tolist()
        assert part.losses.tolist() == path.losses[: k + 1].tolist()
        assert np.array_equal(part.betas[k], path.betas[k]) or hasattr(path.betas, "toarray")
        if k + 1 < len(path):
            assert part.status is Status.MAX_JUMPS
            assert part.remaining.next_jump is not None
            np.testing.assert_allclose(part.remaining.next_jump, path.times[k + 1], rtol=1e-12)


def a_callback_stops_it(solve: Solve) -> None:
    """A callback sees every saddle once, in order, and may stop after any."""
    path, seen = solve(), []
    solve.anew(callback=lambda saddle: seen.append(saddle.index))
    assert seen == list(range(len(path)))
    stopped = solve.anew(callback=lambda saddle: True)
    assert (len(stopped), stopped.status) == (1, Status.STOPPED)


def nothing_is_random(solve: Solve) -> None:
    """The same problem has the same path, to the last bit; so has the file that it is saved in."""
    path = solve()
    assert path.to_dict() == solve.anew().to_dict()
    assert SaddlePath.from_dict(path.to_dict()).to_dict() == path.to_dict()


def only_what_is_right_is_called_so(solve: Solve) -> None:
    """A path that could not be continued says why."""
    path = solve()
    assert path.success or path.status in (
        *(Status.STALLED, Status.INACCURATE, Status.UNDECIDED, Status.UNBOUNDED),
        *(Status.DIRECTIONS_LOST, Status.CREEP_LOST, Status.NOT_ALIGNED),
    )


LAWS: tuple[Law, ...] = (
    certificates,
    staircase,
    units,
    ends,
    stopping_early_changes_no_bit,
    a_callback_stops_it,
    nothing_is_random,
    only_what_is_right_is_called_so,
)
