"""What stays the same along a path of homogeneous neurons, and the path with their weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from saddles import checks
from saddles._numerics.balance import Balance
from saddles._result.path import SaddlePath
from saddles.agf._engine.active import Descent
from saddles.agf._engine.clock import Clock, Dormant, Phase
from saddles.agf._engine.natural_units import NaturalUnits, in_units, natural
from saddles.agf._engine.parting import tells
from saddles.homogeneous import Declared
from saddles.typing import Array, Indices, Mask

__all__ = [
    "ACTIVE_SHARE",
    "Again",
    "Checkpoint",
    "Limits",
    "NeuronPath",
    "OwnSteps",
    "Setting",
]

#: A neuron of a checkpoint counts as active from this share of the activation norm on: of degree 2
#: it then does a hundredth of what it may come to do.
ACTIVE_SHARE = 0.1
#: Neurons of a second run creep for this share of the plateau: the dormant ones see, on average,
#: the residual of about then, which falls like a power of time.
SHARE = 0.25


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NeuronPath(SaddlePath):
    """A saddle path together with the weights of its neurons.

    ``save`` writes what a `SaddlePath` has; the weights are not written.

    Attributes
    ----------
    neurons : tuple of K+1 ndarrays
        Weights θ of the active neurons at each saddle, one row for each of ``active``.
    directions : tuple of K+1 ndarrays
        Unit vectors along which neurons activated, one row for each of ``rang``.
    rang : tuple of K+1 index arrays
        Units whose clocks rang, of shape (m,): those of ``entered``, and any that the descent
        returned to zero.
    """

    neurons: tuple[Array, ...] = ()
    directions: tuple[Array, ...] = ()
    rang: tuple[Indices, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Relative limits, each between 0 and 1."""

    tol: float
    creep: float
    rtol: float

    def __post_init__(self) -> None:
        for entry in fields(self):
            rule = "it is relative and must lie in (0, 1)"
            checks.real_number(getattr(self, entry.name), entry.name, rule, lambda v: 0 < v < 1)


class FirstRing(Protocol):
    """A utility step: dormant neurons beside the active ones (A, p), until the first activates."""

    def __call__(self, dormant: Dormant, active: Array, /, *, clock: Clock, noise: float) -> Phase:
        """Return the phase at whose end clocks ring; growth below `noise` is none."""


class Descend(Protocol):
    """A cost step: neurons `theta` (A, p) to where they rest, dormant ones turning meanwhile."""

    def __call__(
        self, theta: Array, dormant: Array, /, *, near: bool = False
    ) -> tuple[Descent, Array]:
        """Return where they rest, and the directions (m, p) to which the dormant ones have turned.

        With `near`, `theta` is close to a critical point.
        """


@dataclass(frozen=True, eq=False)
class OwnSteps:
    """The two steps of a network that the engine's do not fit: one that is smooth in pieces."""

    first_ring: FirstRing
    descend: Descend


def active_norm(activation_norm: Any, norms: Array, log_alpha: float) -> float:
    """Return the norm that counts as active, checked against the initial ones over α (H,)."""
    rule = "neurons must have to grow to become active; give a finite norm above all initial"
    return checks.real_number(
        activation_norm,
        "activation_norm",
        rule,
        lambda h: 0 < h < math.inf and math.log(h) > math.log(norms.max()) + log_alpha,
    )


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights θ (H, p) in the midst of training, and the norm from which on neurons are active."""

    theta: Array
    active_above: float

    @classmethod
    def of(
        cls, start: Any, init: Array, active_above: Any, activation_norm: float, log_alpha: float
    ) -> Checkpoint:
        """Return the checkpoint `start`, of as many neurons as `init` (H, p), checked."""
        if math.isinf(log_alpha):
            raise ValueError(
                f"log_alpha={log_alpha!r}: what neurons lack in mid-training depends on the scale "
                "from which they came; give log_alpha of the run."
            )
        theta = checks.neurons(start, "start", init.shape[1])
        if theta.shape != init.shape:
            raise ValueError(
                f"start has shape {theta.shape} and init {init.shape}; pass the same neurons, one "
                "per row, later in training."
            )
        if active_above is None:
            return cls(theta, ACTIVE_SHARE * activation_norm)
        rule = "it must be above 0, and no larger than activation_norm"
        return cls(
            theta,
            checks.real_number(
                active_above, "active_above", rule, lambda h: 0 < h <= activation_norm
            ),
        )

    @property
    def active(self) -> Mask:
        """Which neurons are active (H,)."""
        return np.asarray(np.linalg.norm(self.theta, axis=1) >= self.active_above)


@dataclass(frozen=True, eq=False)
class Again:
    """How a second run of a path differs from the first; `FIRST` is the first itself.

    ``rings`` are the jump times of the first run in units, (K+1,), ``unit`` is the time of the flow
    over scaled time, infinite in the limit, and ``tilt`` the seed of tilts.
    """

    rings: Array
    unit: float
    tilt: int = 1

    @classmethod
    def of(cls, rings: Array, clock: Clock) -> Again:
        """Return the second run after a first one with these jump times."""
        with np.errstate(over="ignore"):
            power = clock.degree - 2
            return cls(rings, float(np.exp(power * clock.scale)) if power else clock.scale)

    def life(self, time: float) -> float:
        """Return how long neurons creep that descend from this scaled time on."""
        later = self.rings[self.rings > time]
        return SHARE * float(later[0] - time) * self.unit if later.size else math.inf

    def during(self, lasted: float) -> float:
        """Return the scaled time that a descent takes."""
        return lasted / self.unit


FIRST = Again(np.zeros(0), math.inf, tilt=0)


@dataclass(frozen=True, eq=False)
class Setting:
    """What stays the same along a path; in `units`, except the user's `log_alpha`.

    ``again`` says how a second run differs. ``crept`` keeps the state from which neurons first
    descend to infinity.
    """

    network: Declared
    clock: Clock
    init: Array
    start: float
    limits: Limits
    units: NaturalUnits
    log_alpha: float
    own: OwnSteps | None = None
    checkpoint: Checkpoint | None = None
    again: Again = FIRST
    seen: list[tuple[Array, Array, Indices]] = field(default_factory=list)
    crept: list[Any] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        network: Declared,
        init: Any,
        log_alpha: float,
        activation_norm: float,
        limits: Limits,
        units: NaturalUnits | None = None,
        own: OwnSteps | None = None,
        start: Any = None,
        active_above: Any = None,
    ) -> Setting:
        """Validate everything; `units` are those that the network is in already, if it is.

        A network with steps of its `own` is. `start` are weights in the midst of training.
        """
        rows = _initial(network, init)
        log_alpha = checks.log_scale(log_alpha, allow_limit=True)
        norms = np.linalg.norm(rows, axis=1)
        threshold = active_norm(activation_norm, norms, log_alpha)
        checkpoint = None
        if start is not None:
            checkpoint = Checkpoint.of(start, rows, active_above, threshold, log_alpha)
        elif active_above is not None:
            raise TypeError(
                f"active_above={active_above!r} goes with start, the weights of a checkpoint."
            )
        if units is None:
            units = natural(network, rows)
            network = in_units(network, units)
        rows = rows * (units.scale / units.weight)
        scale = math.log(units.scale) - log_alpha
        clock = Clock(network.degree, scale, math.log(threshold / units.weight))
        first = float(network.loss(rows[:0]))
        return cls(network, clock, rows, first, limits, units, log_alpha, own, checkpoint)

    def told(self, loss: float) -> float:
        """Return a fall of the loss, which is in units, in those of the user."""
        return loss * self.units.loss

    def with_neurons(self, path: SaddlePath) -> NeuronPath:
        """Add the weights that were seen along a path."""
        known = {entry.name: getattr(path, entry.name) for entry in fields(SaddlePath)}
        neurons, directions, rang = zip(*self.seen[: len(path)], strict=True)
        return NeuronPath(**known, neurons=neurons, directions=directions, rang=rang)

    @cached_property
    def home(self) -> Dormant:
        """Where the neurons start."""
        norms = np.linalg.norm(self.init, axis=1)
        return Dormant(self.init / norms[:, None], self.clock.lacking(np.log(norms)))

    @cached_property
    def parts(self) -> bool:
        """Whether it is known when neurons that activated together part."""
        return self.own is None and self.checkpoint is None and tells(self.network)

    @cached_property
    def balance(self) -> Balance | None:
        """What keeps balanced neurons balanced, if the flow does."""
        conserved = self.network.conserved
        return None if conserved is None else Balance(conserved)

    def pull(self, active: Array) -> Callable[[Array], Array]:
        """Return the map from directions (D, p) to the gradients of their utilities."""
        return lambda directions: self.network.utility_gradient(directions, active)


def _initial(network: Declared, init: Any) -> Array:
    """Return the initial rows, or say what is wrong with them."""
    rows = checks.real_array(init, "init", 2)
    if rows.shape[1] != network.size:
        raise ValueError(
            f"init={checks.show(rows)} has {rows.shape[1]} columns; a neuron of this network has "
            f"{network.size} parameters, one neuron per row."
        )
    zero = ~rows.any(axis=1)
    if zero.any():
        where = int(zero.argmax())
        raise ValueError(
            f"init[{where}] is zero: such a neuron never moves; leave it out, or give it a "
            "direction."
        )
    faint = np.sum(rows**2, axis=1) < np.finfo(float).tiny
    if faint.any():
        where = int(faint.argmax())
        raise ValueError(
            f"init[{where}] has entries up to {np.abs(rows[where]).max():.3g}, whose squares "
            "underflow; multiply init by a constant, or leave the neuron out."
        )
    return rows
