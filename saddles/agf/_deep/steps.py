"""The steps of a deep network from saddle to saddle, with a clock of its own at each.

At a saddle θ* the loss over the dormant weights z is L(θ* + z) = L(θ*) − C_m(z) + …, with C_m the
part of lowest degree m > 2 of E<r, f(θ* + z)> − ½E|f(θ* + z) − f(θ*)|², r the residual there. They
obey z' = ∇C_m(z) and blow up after a wait of τ α^{2−m}. At the origin m is the degree κ of the
network; later it is that of the cheapest dormant unit: a neuron between active ones has 1 + the
degree of its activation. The weights that blow up become active and descend to the next saddle. The
others keep the finite values that they had at the blow-up, unless they follow what blows up as a
power of it: then their size is another power of α. Weights that shrink exponentially at a saddle,
at degree two, are held at 0 there.

The first direction is proved (Kumar and Haupt, arXiv:2403.08121), and the first wait derived. The
rest was checked against flows of three-layer quadratic networks, and is a conjecture. It needs
winners that are single units: hidden activations of degree two or more.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``theta``        θ*, all weights at the saddle, shape (p,)
``dormant``      z over α, shape (p,), 0 where weights are active, NaN where z is not of size α
``fast``         weights that move exponentially: active ones, and dormant ones held at 0
``asleep``       the other dormant weights
``degree``       m
===============  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from saddles._result.certificate import Certificate
from saddles._result.path import Saddle
from saddles.agf._deep.blow_up import Blown, blow_up
from saddles.agf._deep.descent import descend
from saddles.agf._deep.units import Units
from saddles.agf._deep.whole import Whole
from saddles.alternation import Algorithm, Rest, Ring
from saddles.status import Breakdown, Status
from saddles.typing import Array, Indices

__all__ = ["SOURCE", "deep_steps", "first_wait"]

SOURCE = (
    "Kumar and Haupt 2024, arXiv:2403.08121, for the first jump; later ones by the part of the "
    "loss of lowest degree"
)

#: Most entries of a derivative of the loss: 40 MB. Its highest order: torch takes three times as
#: long for each order more, and seconds for this one.
LARGEST, HIGHEST = 5_000_000, 10
TOO_MANY = "takes too long, or does not fit; leave weights out, or integrate the flow"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Task:
    """What is learnt, from θ̂, the initial weights over α; times are told in the user's units."""

    network: Whole
    init: Array
    units: Units
    tol: float


@dataclass(frozen=True, kw_only=True, eq=False)
class _State:
    """Where the network is; see the module's table. ``degree`` is that of the wait before.

    ``waited`` keeps what a look at the next wait found, for the jump from the same state.
    """

    theta: Array
    dormant: Array
    active: Indices
    before: Indices
    index: int = 0
    time: float = 0.0
    degree: int | None = None
    force: float = 0.0
    minimal: bool = True
    blown: Blown | None = None
    waited: list[tuple[Blown, int]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Lowest:
    """The part C_m of lowest degree m of the loss over the weights `asleep`, as its ∇C_m."""

    degree: int
    slope: Callable[[Array], Array]
    asleep: Indices


def deep_steps(
    network: Whole, init: Array, *, units: Units, tol: float, name: str
) -> Algorithm[_State]:
    """Return the algorithm that trains `network`, which is in `units`, from `init`."""
    task = _Task(network=network, init=init, units=units, tol=tol)
    none = np.arange(0)
    return Algorithm(
        name=name,
        source=SOURCE,
        start=lambda: _State(theta=np.zeros(network.size), dormant=init, active=none, before=none),
        utility=partial(_utility, task),
        jump=partial(_jump, task),
        cost=partial(_cost, task),
        saddle=partial(_saddle, task),
        kappa=network.degree,
        kind="outputs",
    )


def first_wait(network: Whole, init: Array) -> Blown | Status:
    """Return how the weights blow up at the origin: for activations of any degree."""
    return blow_up(network.correlation, init, network.degree)


def _utility(task: _Task, state: _State) -> Ring | Rest | Status:
    """Find the lowest degree at which dormant weights move, and when they blow up."""
    if state.index == 0 and task.network.kinked:
        return Status.DEGREE_ONE
    learnt = _learnt(task, state) if state.index else None
    if learnt is not None:
        return learnt
    if not state.minimal:
        # Where no weight is dormant, those that share a direction have left the flat ones.
        return Status.STALLED if state.dormant.any() else Status.DEGREE_ONE
    found = _lowest(task, state)
    if isinstance(found, Rest | Status):
        return found
    start = np.zeros(state.dormant.shape)
    start[found.asleep] = state.dormant[found.asleep]
    blown = blow_up(found.slope, start, found.degree)
    if isinstance(blown, Status):
        return blown
    held = (state.dormant != 0) & (start == 0)
    kept = np.where(held, np.nan, blown.kept)
    state.waited.append((replace(blown, kept=kept), found.degree))
    return Ring(delay=blown.delay * task.units.wait(found.degree), units=blown.units)


def _learnt(task: _Task, state: _State) -> Rest | None:
    """Return that training ends, if the residual is below ``tol`` of the targets."""
    network = task.network
    missing = math.sqrt(network.value(state.theta) / network.value(np.zeros(network.size)))
    return Rest(growth=missing, least=task.tol) if missing <= task.tol else None


def _lowest(task: _Task, state: _State) -> _Lowest | Rest | Status:
    """Return the part of lowest degree m of the loss over dormant weights."""
    network, asleep = task.network, np.flatnonzero(state.dormant)
    if not state.index:
        if _pulls(task, state.dormant):
            return _Lowest(network.degree, network.correlation, asleep)
        # Weights may rest because of where they are, at 0 say, with much to learn beside them.
        anywhere = np.random.default_rng(0).standard_normal(network.size)
        return Status.NO_GROWTH if _pulls(task, anywhere) else Rest()
    fast, growth, below = state.active, 0.0, []
    for order in range(1, network.degree):
        if not asleep.size:
            break
        if order > HIGHEST or network.size ** (order + 1) > LARGEST:
            what = f"derivative {order + 1} of the loss over {network.size} weights"
            raise Breakdown(Status.NOT_ALIGNED, f"{what} {TOO_MANY}")
        whole = network.derivative(state.theta, order)
        both = whole - network.square(state.theta, order)
        below.append(both)
        if order == 1:
            fast, asleep, status = _parted(task, fast, asleep, both)
            if status is not None:
                return status
            continue
        part = whole[np.ix_(*[asleep] * (order + 1))]
        largest = float(np.abs(whole).max())
        share = float(np.abs(part).max()) / largest if largest else 0.0
        if share > task.tol:
            if _moves(task, fast, asleep, below):
                return Status.DEGREE_ONE
            order, part = _held_back(task, state, asleep, part)
            form = partial(_form, part / math.factorial(order), asleep)
            return _Lowest(order + 1, form, asleep)
        growth = max(growth, share)
    return Rest(growth=growth, least=task.tol)


def _parted(
    task: _Task, fast: Indices, asleep: Indices, bend: Array
) -> tuple[Indices, Indices, Status | None]:
    """Return the weights that are `fast`, those that stay `asleep`, and why the path ends here.

    `bend` is −∇²L: dormant weights that it moves shrink exponentially by themselves, if it can
    only pull them back.
    """
    least = task.tol * float(np.abs(bend).max())
    moves = np.abs(bend[asleep]).max(axis=1) > least
    held = asleep[moves]
    if not held.size:
        return fast, asleep, None
    grows = np.linalg.eigvalsh(bend[np.ix_(held, held)]).max() > -least
    tied = np.abs(bend[np.ix_(held, fast)]).max(initial=0.0) > least
    status = Status.DEGREE_ONE if grows or tied else None
    return np.append(fast, held), asleep[~moves], status


def _held_back(task: _Task, state: _State, asleep: Indices, part: Array) -> tuple[int, Array]:
    """Return the lowest order of L over dormant weights, of which `part` is that of E<r, f>.

    ½E|f − f(θ*)|² is of an even degree, twice that of f − f(θ*). If this is lower, dormant weights
    shrink.
    """
    order = part.ndim - 1
    for lower in range(3, order + 1, 2):
        whole = task.network.square(state.theta, lower)
        square = whole[np.ix_(*[asleep] * (lower + 1))]
        if lower == order:
            return order, part - square
        if np.abs(square).max() > task.tol * np.abs(whole).max():
            return lower, -square
    return order, part


def _pulls(task: _Task, weights: Array) -> bool:
    """Whether E<y, f> has a gradient along `weights`, relative to that of the loss."""
    unit = weights / np.linalg.norm(weights)
    least = task.tol * float(np.linalg.norm(task.network.slope(unit)))
    return float(np.linalg.norm(task.network.correlation(unit))) > least


def _moves(task: _Task, fast: Indices, asleep: Indices, below: list[Array]) -> bool:
    """Whether `fast` weights yield to those `asleep` at a degree q with 2q ≤ m: C_m is then more.

    The last of the derivatives `below`, of order m − 1, is the first that dormant weights see.
    """
    for order, whole in enumerate(below[: (len(below) + 1) // 2], start=1):
        across = whole[np.ix_(fast, *[asleep] * order)]
        if np.abs(across).max() > task.tol * np.abs(whole).max():
            return True
    return False


def _form(part: Array, asleep: Indices, z: Array) -> Array:
    """Return ∇C_m(z) over the dormant weights, from C_m's derivative over (m−1)!."""
    slope, awake = part, z[asleep]
    while slope.ndim > 1:
        slope = slope @ awake
    found = np.zeros(z.shape)
    found[asleep] = slope
    return found


def _jump(task: _Task, state: _State, ring: Ring) -> _State:
    """Advance to the blow-up; the weights that blew up become active."""
    blown, degree = state.waited[-1]
    return replace(
        state,
        index=state.index + 1,
        time=state.time + ring.delay,
        active=np.sort(np.concatenate([state.active, ring.units])),
        before=state.active,
        degree=degree,
        dormant=blown.kept,
        blown=blown,
        waited=[],
    )


@np.errstate(all="ignore")  # Where an implicit step tries a point, the loss may overflow.
def _cost(task: _Task, state: _State) -> _State:
    """Descend with the active weights."""
    assert state.blown is not None
    assert state.degree is not None
    found = descend(task.network, state.theta, state.active, state.blown.direction, state.degree)
    return replace(state, theta=found.theta, force=found.force, minimal=found.minimal, blown=None)


def _saddle(task: _Task, state: _State) -> Saddle:
    """Return the saddle with its certificate: no force on active weights."""
    return Saddle(
        index=state.index,
        time=state.time,
        beta=task.network.point(state.theta[None]) * task.units.output,
        loss=task.network.value(state.theta) * task.units.output**2,
        dual=None,
        active=state.active,
        entered=np.setdiff1d(state.active, state.before),
        left=np.arange(0),
        certificate=Certificate(
            stationarity=state.force, violation=0.0, conjectured=state.index > 1
        ),
        degree=state.degree,
    )
