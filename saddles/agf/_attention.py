"""Alternating gradient flows of linear attention that learns regression in its context.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), the section on transformers,
after Zhang, Singh, Latham and Saxe, "Training Dynamics of In-Context Learning in Linear Attention"
(2025, arXiv:2501.16265). Each context has its own task y_n = w·x_n, w ~ N(0, I), on N inputs
x_n ~ N(0, Λ); the answer to a query is ŷ = x_qᵀ M Σ_n y_n x_n with M = Σ_i v_i q_i k_iᵀ over heads.
The population loss ½ E(w·x_q − ŷ)² is a polynomial in M:

    L = ½ [tr Λ − 2N tr(ΛMΛ) + tr(ΛM S₂ Mᵀ)],    S₂ = N(N+1)Λ² + N tr(Λ)Λ,

so a head is a neuron of degree κ = 3 with utility U = v qᵀ(NΛ² − ΛM S₂)k. It is largest where q and
k lie along the top eigenvector of Λ that is not yet learnt; there M gains one component, m_i.

=================  ====================================================================
code name          symbol
=================  ====================================================================
``covariance``     Λ, shape (D, D)
``theta``          θ = (v, q, k), one head per row, shape (H, 2D + 1)
``M``              M = Σ v_i q_i k_iᵀ, shape (D, D): the function-space point
``first``          N Λ², shape (D, D)
``second``         S₂, shape (D, D)
``components``     m_i = 1/(tr Λ + (N+1) λ_i), shape (D,)
``utilities``      Û_i = N λ_i²/(3√3), the largest U of a head with |θ| = 1, shape (D,)
=================  ====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.precision import SINGULAR
from saddles._numerics.watch import long_work
from saddles._result.path import Saddle
from saddles._tools.record import Record
from saddles.agf._engine.levels import DONE
from saddles.agf._engine.steps import NeuronPath, solve_network
from saddles.typing import Array, ArrayLike

__all__ = ["AttentionModes", "LinearAttention", "attention", "attention_modes"]

SOURCE = "Kunin et al. 2025, arXiv:2506.06489, linear transformers, after arXiv:2501.16265"


@dataclass(frozen=True, eq=False)
class LinearAttention:
    """Linear attention with the exact population loss of in-context regression.

    Parameters
    ----------
    covariance : ndarray of shape (D, D)
        Λ.
    context_length : int
        N.
    """

    covariance: Array
    context_length: int

    kind = "coefficients"

    @property
    def degree(self) -> int:
        """Return κ = 3."""
        return 3

    @property
    def size(self) -> int:
        """Return 2D + 1, the number of parameters of one head."""
        return 2 * len(self.covariance) + 1

    @cached_property
    def first(self) -> Array:
        """N Λ², shape (D, D)."""
        return np.asarray(self.context_length * self.covariance @ self.covariance)

    @cached_property
    def second(self) -> Array:
        """S₂ = N(N+1)Λ² + N tr(Λ)Λ, shape (D, D)."""
        N = self.context_length
        return np.asarray((N + 1) * self.first + N * np.trace(self.covariance) * self.covariance)

    def split(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return v (H, 1), q (H, D) and k (H, D) of heads `theta` (H, 2D + 1)."""
        d = len(self.covariance)
        return theta[:, :1], theta[:, 1 : d + 1], theta[:, d + 1 :]

    def point(self, theta: Array, /) -> Array:
        """Return M, shape (D, D)."""
        v, q, k = self.split(theta)
        return np.asarray((v * q).T @ k)

    def loss_of(self, M: Array) -> float:
        """Return L as a function of M (D, D)."""
        squares = np.sum((self.covariance @ M @ self.second) * M)
        return float(np.trace(self.covariance) - 2 * np.sum(M * self.first) + squares) / 2

    def pull(self, M: Array) -> Array:
        """Return −∂L/∂M = NΛ² − ΛM S₂, shape (D, D)."""
        return np.asarray(self.first - self.covariance @ M @ self.second)

    def loss(self, theta: Array, /) -> float:
        """Return L of these heads."""
        return self.loss_of(self.point(theta))

    def gradient(self, theta: Array, /) -> Array:
        """Return ∂L/∂θ, shape (H, 2D + 1)."""
        return -self.utility_gradient(theta, theta)

    def utility(self, theta: Array, active: Array, /) -> Array:
        """Return v qᵀ(−∂L/∂M)k of each head, shape (H,)."""
        v, q, k = self.split(theta)
        return np.asarray(v[:, 0] * np.sum((q @ self.pull(self.point(active))) * k, axis=1))

    def utility_gradient(self, theta: Array, active: Array, /) -> Array:
        """Return the derivatives of `utility` by v, q and k, shape (H, 2D + 1)."""
        v, q, k = self.split(theta)
        pull = self.pull(self.point(active))
        along = np.sum((q @ pull) * k, axis=1, keepdims=True)
        return np.hstack([along, v * (k @ pull.T), v * (q @ pull)])


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AttentionModes(Record):
    """What linear attention learns, mode by mode, in closed form.

    Attributes
    ----------
    context_length : int
        N.
    eigenvalues : ndarray of shape (D,)
        λ_i, decreasing; zeros among them are never learnt.
    eigenvectors : ndarray of shape (D, D)
        Their unit vectors, one a column. Of equal eigenvalues any orthonormal ones.
    components : ndarray of shape (D,)
        m_i = 1/(tr Λ + (N+1) λ_i): M = Σ m_i e_i e_iᵀ over the learnt modes; 0 if λ_i = 0.
    losses : ndarray of shape (r + 1,)
        Plateaus of the loss before and after each of the r modes with λ_i > 0.
    utilities : ndarray of shape (D,)
        Û_i = N λ_i²/(3√3), the largest utility of a head with |θ| = 1 once modes before i are
        learnt.
    """

    context_length: int
    eigenvalues: Array
    eigenvectors: Array
    components: Array
    losses: Array
    utilities: Array

    @property
    def rank(self) -> int:
        """Number r of modes that are learnt."""
        return len(self.losses) - 1

    def point(self, learnt: int) -> Array:
        """Return M (D, D) after the first `learnt` modes."""
        rule = f"it must be a whole number from 0 to {self.rank}"
        if not 0 <= int(checks.real_number(learnt, "learnt", rule, float.is_integer)) <= self.rank:
            raise ValueError(f"learnt={learnt!r}: {rule}.")
        vectors = self.eigenvectors[:, :learnt]
        return np.asarray((vectors * self.components[:learnt]) @ vectors.T)

    def bound(
        self, *, log_alpha: float = -math.inf, norm: float = 1.0, until: float = 1.0
    ) -> float:
        """Return the time t α before which no head can activate.

        Parameters
        ----------
        log_alpha : float
            log α; minus infinity for the limit.
        norm : float
            Largest |θ_i(0)|/α of a head.
        until : float
            The norm |θ| that counts as active, in units of the weights.

        Returns
        -------
        float
            √3/(N λ_1²) · (1/norm − α/until): along the flow |θ|' ≤ 3 Û_1 |θ|² as long as nothing
            is learnt. It is attained from v = |q| = |k| with q and k along the top eigenvector.
        """
        alpha = math.exp(checks.log_scale(log_alpha, allow_limit=True))
        rule = "it is a norm and must be above 0 and finite"
        norm = checks.real_number(norm, "norm", rule, lambda v: 0 < v < math.inf)
        until = checks.real_number(until, "until", rule, lambda v: 0 < v < math.inf)
        return max(1 / norm - alpha / until, 0.0) / (3 * float(self.utilities[0]))

    def bounds(
        self,
        times: ArrayLike,
        *,
        log_alpha: float = -math.inf,
        norm: float = 1.0,
        until: float = 1.0,
    ) -> Array:
        """Return, for each jump, the earliest time that the jumps before it allow.

        A head that is still dormant has had |θ|' ≤ 3 Û_j |θ|² while mode j was the next to learn,
        so mode k cannot come before Σ_j 3 Û_j Δt_j reaches 1/norm − α/until.

        Parameters
        ----------
        times : array_like of shape (K + 1,)
            Scaled jump times t α of a path or a flow, one jump per mode, from 0.
        log_alpha, norm, until : float
            As for `bound`.

        Returns
        -------
        ndarray of shape (K,)
            Lower bounds of times[1:]; the first is `bound`.
        """
        moments = checks.times(times, "times")
        if moments.ndim != 1 or not 1 <= moments.size <= self.rank + 1:
            raise ValueError(
                f"times={checks.show(moments)} has shape {moments.shape}; give 0 and the time of "
                f"one jump for each of at most {self.rank} modes."
            )
        needed = self.bound(log_alpha=log_alpha, norm=norm, until=until) * self.utilities[0]
        rates = self.utilities[: moments.size - 1]
        seen = np.concatenate([[0.0], np.cumsum(rates * np.diff(moments))])[:-1]
        return np.asarray(moments[:-1] + np.maximum(needed - seen, 0.0) / rates)


@long_work
def attention(
    covariance: ArrayLike,
    context_length: int,
    *,
    heads: int | None = None,
    init: ArrayLike | None = None,
    seed: int = 0,
    log_alpha: float = -math.inf,
    activation_norm: float = 1.0,
    tol: float = DONE,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
    progress: bool = False,
    time_limit: float | None = None,
) -> NeuronPath:
    """Saddle path of linear attention on regressions in its context.

    Parameters
    ----------
    covariance : array_like of shape (D, D)
        Λ of the inputs: symmetric, positive semi-definite, not zero.
    context_length : int
        N, at least 1.
    heads : int, optional
        Number of heads H, if `init` is not given; twice D by default.
    init : array_like of shape (H, 2D + 1), optional
        θ(0)/α, one head (v, q, k) per row; by default uniform on the unit sphere.
    seed : int
        Seed of the default.
    log_alpha : float
        Logarithm of the initial scale; minus infinity for the limit.
    activation_norm : float
        Norm |θ| at which a head counts as active; it matters for finite `log_alpha` only.
    tol : float
        Learning ends when every dormant head's pull is below `tol` times the first.
    max_jumps : int, optional
        Largest number of jumps; None goes to the end of training.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly raises `PathError` or is returned as far
        as it was right, with its status.
    callback : callable, optional
        Called with each `Saddle`; returning True stops there.
    progress : bool
        Whether to show a bar of the jumps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the path so far is returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    NeuronPath
        ``betas[k]`` is M (D, D); ``losses`` are those of the population; ``times`` are t α (κ = 3)
        and depend on the initial heads, while the levels do not.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    See Also
    --------
    attention_modes : Levels, components and the earliest possible times in closed form.

    Examples
    --------
    >>> import numpy as np, saddles
    >>> path = saddles.agf.attention(np.diag([1.5, 0.5]), 8, seed=1)
    >>> modes = saddles.agf.attention_modes(np.diag([1.5, 0.5]), 8)
    >>> path.losses.round(6).tolist() == modes.losses.round(6).tolist()
    True
    >>> bool((path.times[1:] >= modes.bounds(path.times)).all())
    True
    """
    network = checked_attention(covariance, context_length)
    if init is None:
        number = checks.count(heads, "heads", least=1) or 2 * len(network.covariance)
        rng = np.random.default_rng(checks.whole_number(seed, "seed"))
        init = rng.standard_normal((number, network.size))
        init /= np.linalg.norm(init, axis=1, keepdims=True)
    else:
        checks.same_count(heads, "heads", init)
    return solve_network(
        network,
        init,
        log_alpha=log_alpha,
        activation_norm=activation_norm,
        name="AGF of linear attention",
        source=SOURCE,
        tol=tol,
        max_jumps=max_jumps,
        on_failure=on_failure,
        callback=callback,
    )


def attention_modes(covariance: ArrayLike, context_length: int) -> AttentionModes:
    """Loss levels, learnt components and time scales of linear attention, in closed form.

    Parameters
    ----------
    covariance : array_like of shape (D, D)
        Λ of the inputs: symmetric, positive semi-definite, not zero.
    context_length : int
        N, at least 1.

    Returns
    -------
    AttentionModes
        Modes in the order in which they are learnt, that of their eigenvalues.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.

    Notes
    -----
    Mode i lowers the loss by ½ N λ_i² m_i = ½ λ_i / (1 + (1 + tr Λ/λ_i)/N).

    Examples
    --------
    >>> import numpy as np, saddles
    >>> eigenvalues = 1 / np.arange(1, 5)
    >>> modes = saddles.agf.attention_modes(np.diag(2 * eigenvalues / eigenvalues.sum()), 32)
    >>> modes.losses.round(5).tolist()
    [1.0, 0.56219, 0.35555, 0.2251, 0.1322]
    """
    network = checked_attention(covariance, context_length)
    N, trace = network.context_length, float(np.trace(network.covariance))
    values, vectors = np.linalg.eigh(network.covariance)
    values, vectors = values[::-1], vectors[:, ::-1]
    values = np.where(values > SINGULAR * values[0], values, 0.0)
    components = np.where(values > 0, 1 / (trace + (N + 1) * values), 0.0)
    used = int(np.count_nonzero(values))
    drops = N * values[:used] ** 2 * components[:used] / 2
    # From the end, where losses are small and digits would be lost.
    rest = trace / 2 - float(drops.sum())
    losses = rest + np.concatenate([np.cumsum(drops[::-1])[::-1], [0.0]])
    return AttentionModes(
        context_length=N,
        eigenvalues=values,
        eigenvectors=vectors,
        components=components,
        losses=losses,
        utilities=N * values**2 / (3 * math.sqrt(3)),
    )


def checked_attention(covariance: Any, context_length: Any) -> LinearAttention:
    """Validate the covariance and the length of the context."""
    matrix = checks.moderate(checks.symmetric(covariance, "covariance"), "covariance", 4)
    values = np.linalg.eigvalsh(matrix)
    largest = float(np.abs(values).max())
    if values[0] < -SINGULAR * largest:
        raise ValueError(
            f"covariance has the eigenvalue {float(values[0])!r}: a covariance is positive "
            "semi-definite; pass X.T @ X / n."
        )
    if largest == 0:
        raise ValueError(
            "covariance is zero, so that there is nothing to learn; pass that of inputs which vary."
        )
    length = checks.whole_number(context_length, "context_length", least=1)
    return LinearAttention(matrix, length)
