"""Saddle paths of neurons on multi-index targets, in any dimension.

`network` has the loss, `start` the draw of a start; the steps are those of `saddles.agf._engine`.
Neurons of one sign in one basin align to one direction and activate together; of degree 2 they part
later, at times that the second derivatives of the loss tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.watch import long_work
from saddles._result.path import PathError, Saddle
from saddles.agf._engine.active import CREEP
from saddles.agf._engine.levels import DONE
from saddles.agf._engine.parting import alike
from saddles.agf._engine.steps import SOURCE, NeuronPath, solve_network
from saddles.agf._multi_index.network import MultiIndex
from saddles.agf._multi_index.start import Start
from saddles.agf._multi_index.target import HermiteTarget
from saddles.typing import Array, ArrayLike, Indices

__all__ = ["MultiIndexPath", "multi_index", "single_index"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MultiIndexPath(NeuronPath):
    """A saddle path on a multi-index target; ``betas`` are the network's Hermite coefficients.

    Attributes
    ----------
    network : MultiIndex
        What was trained, on as many inputs as the neurons span.
    init : ndarray of shape (H, p)
        Its initial neurons over α: ``saddles.flow.neurons(path.network, path.init, log_alpha=-20)``
        is the flow of the same neurons.
    """

    network: Any = field(default=None, compare=False)
    init: Array = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def _known(self) -> tuple[Array, ...]:
        """The active neurons at each saddle, if this path still has them."""
        if self.network is None or len(self.neurons) != len(self.active):
            raise ValueError(
                "this path has no neurons, for files that `save` writes hold none; run multi_index "
                "again, or keep the path by pickle."
            )
        return self.neurons

    @cached_property
    def overlaps(self) -> tuple[Array, ...]:
        """Overlaps v = Uᵀw/|w| of the active neurons at each saddle, K+1 arrays (A, r)."""
        return tuple(self.network.overlaps(theta) for theta in self._known)

    @cached_property
    def in_span(self) -> Array:
        """Share of Σ|w|² in the span of U at each saddle, (K+1,); 1 where no neuron is active."""
        known = self._known
        r = self.network.target.r
        sizes = [(np.sum(t[:, 1:] ** 2), np.sum(t[:, 1 : 1 + r] ** 2)) for t in known]
        return np.array([inside / all_of if all_of else 1.0 for all_of, inside in sizes])

    @cached_property
    def clusters(self) -> tuple[Indices, ...]:
        """For each active neuron the first one with its direction and sign, K+1 arrays (A,)."""
        found = []
        for units, theta in zip(self.active, self._known, strict=True):
            lengths = np.linalg.norm(theta, axis=1, keepdims=True)
            found.append(units[alike(theta / lengths)] if len(units) else units)
        return tuple(found)

    @cached_property
    def splits(self) -> tuple[Indices, ...]:
        """Units that were active already and left their cluster at each jump, K+1 index arrays."""
        before = (self.active[0][:0], *self.active[: len(self._known) - 1])
        return tuple(np.intersect1d(*pair) for pair in zip(self.rang, before, strict=True))


@long_work
def multi_index(
    target: HermiteTarget,
    d: float | None = None,
    *,
    activation: Any = "relu",
    width: int | None = None,
    init: ArrayLike | None = None,
    overlaps: ArrayLike | None = None,
    signs: ArrayLike | None = None,
    covariance: ArrayLike | None = None,
    seed: int = 0,
    log_alpha: float = -math.inf,
    activation_norm: float = 1.0,
    tol: float = DONE,
    creep: float = CREEP,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
    error_bars: bool = True,
    progress: bool = False,
    time_limit: float | None = None,
) -> MultiIndexPath:
    """Saddle path of neurons a σ(w·x) that learn g(Uᵀx) from the whole population x ~ N(0, I_d).

    Parameters
    ----------
    target : HermiteTarget
        The target, a function of r coordinates.
    d : int or inf, optional
        Number of inputs, at least r; by default that of `covariance`, or r. What a run costs
        depends on r and the number of neurons alone. Infinite with `overlaps` only.
    activation : str, Homogeneous or Spherical, optional
        As in `MultiIndex`.
    width : int, optional
        Number of neurons H, if neither `init` nor `overlaps` is given.
    init : array_like of shape (H, 1 + d), optional
        θ(0)/α, one neuron (a, w) per row; the first r entries of w belong to z. By default neurons
        are balanced, |w|² = k a² and |θ| = 1, with w uniform on its sphere and a of either sign.
    overlaps : array_like of shape (H, r), optional
        Uᵀŵ of balanced neurons, each row of a norm of at most 1. What is outside of the target's
        span is drawn, and orthogonal for infinite d.
    signs : array_like of shape (H,), optional
        Signs of a, drawn by default; not with `init`.
    covariance : array_like of shape (d, d), optional
        Σ of the inputs; a run then costs the less the fewer distinct eigenvalues Σ has.
    seed : int, optional
        Seed of the draw.
    log_alpha : float, optional
        Logarithm of the initial scale, below 0; minus infinity is the limit. The limit of vanishing
        α comes before that of large d, so in it directions are found at once for k = 1.
    activation_norm : float, optional
        Norm at which a neuron counts as active; it does nothing in the limit.
    tol : float, optional
        Learning ends when the loss, or every dormant neuron's utility, is below `tol` times the
        first.
    creep : float, optional
        Share of the first loss to which an infimum at infinity is extrapolated.
    max_jumps : int, optional
        Largest number of jumps; None goes to the end of training.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly raises `PathError` or is returned as far
        as it was right, with its status.
    callback : callable, optional
        Called with each `Saddle`; returning True stops there.
    error_bars : bool, optional
        Whether jumps after a saddle at infinity get error bars.
    progress : bool, optional
        Whether to show a bar of the jumps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the path so far is returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    MultiIndexPath
        ``betas`` are the Hermite coefficients of the network over those of the target; ``times``
        are t / log(1/α) for k = 1, t α^(k−1) above. Besides: ``overlaps``, ``in_span``,
        ``clusters`` and ``splits``.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    Notes
    -----
    Jump times of a finite start may still move by O(1/log(1/α)) for k = 1. That neurons of degree 2
    part when their deviations are of order one is derived, and conjectured where directions turn:
    the certificates say so.

    Examples
    --------
    Two ReLU teachers at a right angle, in a million dimensions: first all neurons learn the mean of
    both, later they part.

    >>> import saddles
    >>> target = saddles.agf.HermiteTarget.teacher([1.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    >>> path = saddles.agf.multi_index(target, 10**6, width=4, signs=[1, 1, 1, 1])
    >>> path.times.round(6).tolist(), path.losses.round(6).tolist()
    ([0.0, 1.323786, 2.221441], [0.659155, 0.088512, 0.0])
    >>> [each.tolist() for each in path.splits]
    [[], [], [0, 1, 2, 3]]
    """
    network, rows = _begun(
        target, d, activation, covariance, _given(init, overlaps, signs, width), seed
    )

    def told(path: NeuronPath) -> MultiIndexPath:
        known = {entry.name: getattr(path, entry.name) for entry in fields(NeuronPath)}
        return MultiIndexPath(**known, network=network, init=rows)

    try:
        return told(
            solve_network(
                network,
                rows,
                log_alpha=log_alpha,
                activation_norm=activation_norm,
                name="AGF of a multi-index target",
                source=SOURCE,
                tol=tol,
                creep=creep,
                max_jumps=max_jumps,
                on_failure=on_failure,
                callback=callback,
                error_bars=error_bars,
            )
        )
    except PathError as error:
        known = told(error.path) if isinstance(error.path, NeuronPath) else None
        raise PathError(error.status, known, error.detail) from None


def single_index(
    link: HermiteTarget | Sequence[float], d: float = math.inf, **how: Any
) -> MultiIndexPath:
    """Saddle path of neurons that learn g(u·x), a function of one direction.

    Parameters
    ----------
    link : HermiteTarget or sequence of float
        A target with r = 1, or g_0, g_1, … of its probabilists' Hermite polynomials.
    d : int or inf, optional
        Number of inputs.
    **how
        As in `multi_index`.

    Returns
    -------
    MultiIndexPath
        As from `multi_index`.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    Examples
    --------
    The Hermite polynomial He_2 of one of infinitely many coordinates, from an overlap of 0.1:

    >>> import saddles
    >>> path = saddles.agf.single_index([0.0, 0.0, 1.0], overlaps=[[0.1]], signs=[1], max_jumps=1)
    >>> path.overlaps[1].round(6).tolist()
    [[1.0]]
    """
    if not isinstance(link, HermiteTarget):
        g = checks.real_array(link, "link", 1)
        link = HermiteTarget({j: value for j, value in enumerate(g.tolist()) if value} or {0: 0.0})
    if link.r != 1:
        raise ValueError(
            f"link has r={link.r!r} coordinates, and a single-index model one; use "
            "saddles.agf.multi_index."
        )
    return multi_index(link, d, **how)


def _given(init: Any, overlaps: Any, signs: Any, width: Any) -> dict[str, Any]:
    """Return what says where neurons start, `width` included."""
    if init is not None:
        others = {"overlaps": overlaps, "signs": signs}
        if names := [name for name, value in others.items() if value is not None]:
            raise TypeError(f"{', '.join(names)} came with init, which holds them; leave them out.")
        checks.same_count(width, "width", checks.real_array(init, "init", 2))
        return {"init": init}
    if overlaps is not None:
        rows = checks.real_array(overlaps, "overlaps", 2)
        if checks.count(width, "width", least=1) not in (None, len(rows)):
            raise ValueError(f"width={width!r} but overlaps has {len(rows)} rows; leave width out.")
        return {"overlaps": rows, "signs": signs, "width": len(rows)}
    if width is None:
        raise TypeError(
            "width=None: it is needed without init and overlaps; pass the number of neurons."
        )
    return {"overlaps": None, "signs": signs, "width": checks.whole_number(width, "width", least=1)}


def _begun(
    target: HermiteTarget,
    d: Any,
    activation: Any,
    covariance: Any,
    given: dict[str, Any],
    seed: Any,
) -> tuple[MultiIndex, Array]:
    """Return the network on no more inputs than needed, and its neurons."""
    seed = checks.whole_number(seed, "seed")
    endless = isinstance(d, float) and math.isinf(d) and d > 0
    network = MultiIndex(
        target, None if endless else d, activation=activation, covariance=covariance
    )
    if endless and (covariance is not None or given.get("overlaps") is None):
        raise ValueError(
            f"d={d!r}: neurons of a random start have no overlap with the target in infinitely "
            "many dimensions; give overlaps, or a finite d."
        )
    if "init" in given:
        return network.reduced(given["init"])
    inputs, whole = math.inf if endless else network.d, network.covariance is not None
    start = Start(given["width"], inputs, target.r, network.activation.k, seed, whole)
    rows = start.neurons(given["overlaps"], given["signs"])
    if whole:
        return network.reduced(rows)
    return MultiIndex(target, rows.shape[1] - 1, activation=network.activation), rows
