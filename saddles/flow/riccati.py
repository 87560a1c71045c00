"""Closed forms: full observation and whitened linear networks, exact at any initial scale and time.

Fukumizu, "Effect of batch learning in multilayer neural networks" (ICONIP 1998) solved the Riccati
equation of whitened linear networks; Saxe, McClelland and Ganguli, "Exact solutions to the
nonlinear dynamics of learning in deep linear neural networks" (ICLR 2014, arXiv:1312.6120) its
modes. The flow U' = MU − UUᵀU with M symmetric has, for P = UUᵀ and U₀ = U(0),

    P(t) = Y G⁻¹ Yᵀ,   Y = e^{Mt} U₀,   G = I + U₀ᵀ (e^{2Mt} − I) M⁻¹ U₀.

f(W) = ½|W − M|² is this flow. So is the linear network on whitened inputs (Σxx = I) that starts
balanced (AᵀA = WWᵀ): Z = [Wᵀ; A] obeys Z' = MZ − ½ZZᵀZ, M = [[0, Σyxᵀ], [Σyx, 0]], so U = Z/√2.

As written the formula overflows, and cancels. Take eigenvectors of M as the basis, λ decreasing,
and turn U₀/α from the right into B with B_ij = 0 for i < p_j: column j begins at its own mode p_j.
With x_i = λ_i t − log(1/α) and C_j = exp(−max(x_{p_j}, 0)), no exponential in

    V_ij = e^{x_i} B_ij C_j,   N = [diag C; φ_i B_ij C_j],   φ_i² = α² (e^{2λ_i t} − 1)/λ_i,

is above 1, P = V (NᵀN)⁻¹ Vᵀ, and N is well conditioned if no B_{p_j j} is small.

==================  ==========================================================================
code name           symbol
==================  ==========================================================================
``rates``           λ, shape (n,), decreasing
``modes``           eigenvectors of M, shape (n, n)
``lower``           B, shape (n, r)
``pivots``          p_j of the modes that are learnt, shape (k,)
``mode_times``      [log(1/α) + ½ log(λ_p/B_pj²)]/(λ_p log(1/α)): half of mode p is learnt
==================  ==========================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saddles import checks
from saddles._matrix.moments import Moments, least_loss, stacked
from saddles._numerics.ends import Outlook
from saddles._numerics.precision import ZERO
from saddles._result.flow import Flow
from saddles._result.remaining import NOTHING, left_by
from saddles._tools.record import Record
from saddles.flow._inputs import checked_until, finite_scale, initial_factor
from saddles.flow._listing import FOLDINGS, listed
from saddles.flow._riccati_modes import in_modes
from saddles.status import Status
from saddles.typing import Array, ArrayLike, Indices

__all__ = ["Riccati", "full", "whitened"]

SOURCE = "Fukumizu 1998; Saxe, McClelland and Ganguli 2014, arXiv:1312.6120"

#: Difference of AᵀA and WWᵀ that rounding explains, relative to their size.
BALANCED_TO = 1e-10

#: A point this close to where it ends, relative to the largest eigenvalue, rests.
SETTLED = ZERO

#: What decays like 1/t, along zero eigenvalues from large initial weights, is gone this many
#: doublings of that time later, or sooner.
DOUBLINGS = 64

#: Entries of the matrices that are handled in one go.
CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Riccati(Record):
    """The closed form as a curve.

    Attributes
    ----------
    rates : ndarray of shape (n,)
        Eigenvalues of M, decreasing.
    modes : ndarray of shape (n, n)
        Eigenvectors, one per column.
    lower : ndarray of shape (n, r)
        Initial U over alpha in that basis, rotated from the right so that each column begins at its
        own mode.
    pivots : ndarray of int, shape (k,)
        The modes that are learnt: growing ones, which the initial weights contain.
    scale : float
        log(1/alpha).
    gain : float
        1 for matrices (U is the factor), 2 for linear networks (the factor is √2 U).
    block : slice and slice
        Part of the matrix gain · P that is the point in function space.
    floor : float
        Constant part of the loss.

    Examples
    --------
    >>> import saddles
    >>> curve = saddles.flow.full([[2.0, 0.0], [0.0, -1.0]], log_alpha=-1e3).curve
    >>> curve.rates.tolist(), curve.pivots.tolist(), curve.mode_times.round(2).tolist()
    ([2.0, -1.0], [0], [0.5])
    """

    rates: Array
    modes: Array
    lower: Array
    pivots: Indices
    scale: float
    gain: float = 1.0
    block: tuple[slice, slice] = (slice(None), slice(None))
    floor: float = 0.0

    @property
    def mode_times(self) -> Array:
        """Scaled times (k,) at which half of each mode of `pivots` is learnt.

        Right up to terms exponentially small in log(1/α) times the relative gap of the rates; for
        rates that are equal no gap is needed.
        """
        sizes = np.abs(self.lower[self.pivots, np.arange(self.pivots.size)])
        rates = self.rates[self.pivots]
        return np.asarray((1 + (np.log(rates) / 2 - np.log(sizes)) / self.scale) / rates)

    def factor(self, tau: Array) -> Array:
        """Return factors U (q, n, r) at `tau` with P = UUᵀ: those of the flow up to rotation."""
        step = max(1, CHUNK // (self.lower.size + self.lower.shape[1] ** 2))
        starts = range(0, max(1, tau.size), step)
        return np.concatenate([self._factor(tau[k : k + step]) for k in starts])

    def _factor(self, tau: Array) -> Array:
        growth = np.multiply.outer(tau * self.scale, self.rates)
        damp = np.zeros((tau.size, self.lower.shape[1]))
        damp[:, : self.pivots.size] = np.maximum(growth[:, self.pivots] - self.scale, 0.0)
        # φ = e^{max(x, −log(1/α))} width: at any t the exponents meet those of C without rounding.
        width = np.sqrt(2 * tau[:, None] * self.scale * _mean_decay(2 * np.abs(growth)))
        V = self._damped(growth - self.scale, damp)
        N = width[:, :, None] * self._damped(np.maximum(growth, 0.0) - self.scale, damp)
        C = np.exp(-damp)[:, :, None] * np.eye(self.lower.shape[1])
        triangle = np.asarray(np.linalg.qr(np.concatenate([C, N], axis=1), mode="r"))
        held = np.linalg.solve(triangle.mT, V.mT).mT
        return np.asarray(self.modes @ held)

    def _damped(self, logs: Array, damp: Array) -> Array:
        """Return e^{logs_i} B_ij e^{−damp_j}, (q, n, r), without overflow where B is zero."""
        exponents = logs[:, :, None] - damp[:, None, :]
        return np.asarray(np.exp(np.where(self.lower == 0, -np.inf, exponents)) * self.lower)

    def point(self, tau: Array) -> Array:
        """Return the points in function space, shape (q, ...)."""
        left, right = self._sides(tau)
        return np.asarray(left @ right.mT)

    def loss(self, tau: Array) -> Array:
        """Return the losses, shape (q,)."""
        miss = self.point(tau) - self._target
        return np.asarray(self.floor + np.sum(miss**2, axis=(1, 2)) / 2)

    def loss_rate(self, tau: Array) -> Array:
        """Return dL/dτ, shape (q,), from the gradient over the left and the right factor."""
        pulls = self._pulls(tau)
        return np.asarray(-self.scale * sum(np.sum(pull**2, axis=(1, 2)) for pull in pulls))

    def conservation(self) -> float:
        """Return 0: nothing is integrated."""
        return 0.0

    def _outlook(self, tau: float) -> Outlook:
        """Return what could still happen at `tau`: exactly, since the end is known.

        Modes of `pivots` end at their own eigenvalue, all others at 0.
        """
        learnt = np.zeros_like(self.rates)
        learnt[self.pivots] = self.rates[self.pivots]
        end = self.gain * ((self.modes * learnt) @ self.modes.T)[self.block]
        losses = self.loss(np.array([0.0, tau]))
        least = self.floor + float(np.sum((end - self._target) ** 2)) / 2
        folds = (tau - self.mode_times) * self.scale * self.rates[self.pivots]
        left = float(losses[1]) - least
        away = float(np.linalg.norm(self.point(np.array([tau]))[0] - end))
        later = self.mode_times[folds < 0]
        return Outlook(
            moves=bool((folds < FOLDINGS).any())
            or away > SETTLED * float(np.abs(self.rates).max()),
            left=max(left, 0.0),
            whole=float(losses[0]) - least,
            next_jump=float(later.min(initial=math.inf)),
        )

    def _sides(self, tau: Array) -> tuple[Array, Array]:
        """Return the factors whose product is the point."""
        U = math.sqrt(self.gain) * self.factor(tau)
        rows, cols = self.block
        return U[:, rows], U[:, cols]

    def _pulls(self, tau: Array) -> tuple[Array, Array]:
        """Return how the left and the right factor move in physical time."""
        left, right = self._sides(tau)
        miss = self._target - left @ right.mT
        return miss @ right, miss.mT @ left

    @cached_property
    def _target(self) -> Array:
        """The point in function space at which the loss is least."""
        return np.asarray(((self.modes * self.rates) @ self.modes.T)[self.block])


def full(
    M: ArrayLike,
    *,
    log_alpha: float,
    width: int | None = None,
    initial: ArrayLike | None = None,
    seed: int = 0,
    until: float | None = None,
) -> Flow:
    """Gradient flow of `saddles.FullMatrix`, f(W) = ½ |W − M|², in closed form.

    Parameters
    ----------
    M : array_like of shape (d, d)
        The target, symmetric; eigenvalues of any sign. Those below rounding, 4d eps of the largest,
        count as zero, and those that differ by no more as equal.
    log_alpha : float
        Logarithm of the initial scale α, below 0 and finite.
    width : int, optional
        Number of columns of U; d by default. The rank of W is never larger.
    initial : array_like of shape (d, width), optional
        U(0)/α, of any rank; by default ``numpy.random.default_rng(seed).standard_normal``. A mode
        (eigenvector of M) that it lacks, up to rounding, is never learnt; columns that depend on
        others add nothing.
    seed : int, optional
        Seed of the default U(0)/α.
    until : float, optional
        Scaled time ``t / log(1/alpha)`` at which to stop. Without it, the flow is followed for 20
        e-foldings of its last mode, and until the gradient has vanished.

    Returns
    -------
    Flow
        Of U' = −∇f(UUᵀ) U, with W = UUᵀ (d, d) as its point and f as its loss. Nothing is
        integrated: ``times`` are points that resolve every jump. ``flow.curve`` is a `Riccati`,
        whose ``mode_times`` are the times at which half of each eigenvector's share is learnt.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy; also if
        `initial` contains a growing mode by so little that rounding would decide when it is learnt.

    Examples
    --------
    >>> import saddles
    >>> flow = saddles.flow.full([[3.0, 1.0], [1.0, 3.0]], log_alpha=-1e6)
    >>> flow.curve.mode_times.round(4)
    array([0.25, 0.5 ])
    >>> flow.at(0.4).round(6)
    array([[2., 2.],
           [2., 2.]])
    """
    target = checks.symmetric(M, "M")
    log_alpha = finite_scale(log_alpha, "saddles.greedy_low_rank")
    start = initial_factor(initial, target.shape[0], width, seed)
    rates, modes, lower, pivots = in_modes(target, start)
    curve = Riccati(rates=rates, modes=modes, lower=lower, pivots=pivots, scale=-log_alpha)
    return _as_flow("flow.full", curve, checked_until(until))


def whitened(
    sigma_yx: ArrayLike,
    *,
    log_alpha: float,
    sigma_yy: ArrayLike | None = None,
    width: int | None = None,
    initial: ArrayLike | None = None,
    seed: int = 0,
    until: float | None = None,
) -> Flow:
    """Gradient flow of a linear network y = A W x on whitened inputs, E[xxᵀ] = I, in closed form.

    Parameters
    ----------
    sigma_yx : array_like of shape (c, d)
        Σyx = E[yxᵀ].
    log_alpha : float
        Logarithm of the initial scale α of all weights, below 0 and finite.
    sigma_yy : array_like of shape (c, c), optional
        Σyy = E[yyᵀ]. Only its trace matters: it adds to the loss the part that no linear map
        explains. By default this part is zero, so the loss tends to 0.
    width : int, optional
        Number of hidden neurons; min(c, d) by default, of which balanced weights use no more.
    initial : array_like of shape (d + c, width), optional
        [Wᵀ; A]/α, balanced: AᵀA = WWᵀ. Unbalanced weights have no such closed form, and how they
        differ is of relative size α².
    seed : int, optional
        Seed of the default weights, of r = min(c, d, width) columns: A is the lower part (c, r) of
        ``numpy.random.default_rng(seed).standard_normal((d + c, r))``, and Wᵀ = V(AᵀA)^½ with V
        (d, r) the orthonormal polar factor of the upper part. If c = d = r, training conserves the
        sign of det(AW); where it would be the wrong one, the first column of V changes its sign.
    until : float, optional
        Scaled time ``t / log(1/alpha)`` at which to stop. Without it, the flow is followed for 20
        e-foldings of its last mode, and until the gradient has vanished.

    Returns
    -------
    Flow
        Of A' = −∂L/∂A, W' = −∂L/∂W, L = ½ E|y − AWx|², with AW (c, d) as its point. Nothing is
        integrated: ``times`` are points that resolve every jump. ``flow.curve`` is a `Riccati`,
        whose ``mode_times`` are the times at which half of each singular pair's share is learnt.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy; also if
        `initial` is not balanced, or contains a mode by so little that rounding would decide when
        it is learnt.

    Examples
    --------
    >>> import saddles
    >>> flow = saddles.flow.whitened([[2.0, 0.0], [0.0, 1.0]], log_alpha=-1e6)
    >>> flow.curve.mode_times.round(4)
    array([0.5, 1. ])
    >>> flow.at(0.75).round(6) + 0.0
    array([[2., 0.],
           [0., 0.]])
    """
    target = checks.real_array(sigma_yx, "sigma_yx", 2)
    log_alpha = finite_scale(log_alpha, "saddles.agf.linear")
    d = target.shape[1]
    if initial is None:
        start = _balanced(target, width, seed)
    else:
        start = initial_factor(initial, sum(target.shape), width, seed)
        _refuse_unbalanced(start[:d].T, start[d:])
    rates, modes, lower, pivots = in_modes(stacked(target), start / math.sqrt(2))
    curve = Riccati(
        rates=rates,
        modes=modes,
        lower=lower,
        pivots=pivots,
        scale=-log_alpha,
        gain=2.0,
        block=(slice(d, None), slice(None, d)),
        floor=least_loss(Moments.of(np.eye(d), target), sigma_yy),
    )
    return _as_flow("flow.whitened", curve, checked_until(until))


def _balanced(target: Array, width: int | None, seed: int) -> Array:
    """Return [Wᵀ; A] over alpha with AᵀA = WWᵀ, able to learn the target's every mode."""
    from scipy.linalg import polar

    c, d = target.shape
    columns = checks.count(width, "width", least=1)
    G = initial_factor(None, d + c, min(c, d, columns or c), seed)
    V, (basis, root) = polar(G[:d])[0], polar(G[d:])
    if c == d == G.shape[1]:
        signs = [np.linalg.slogdet(part)[0] for part in (basis, V, target)]
        V[:, 0] *= -1 if np.prod(signs) < 0 else 1
    return np.vstack([V @ root, G[d:]])


def _refuse_unbalanced(W: Array, A: Array) -> None:
    """Raise unless AᵀA = WWᵀ."""
    gap = float(np.linalg.norm(A.T @ A - W @ W.T))
    if gap > BALANCED_TO * (np.sum(W**2) + np.sum(A**2)):
        raise ValueError(
            f"initial has A'A and WW' that differ by {gap:g} (Frobenius); only balanced weights "
            "have a closed form: leave initial out, or integrate the flow."
        )


def _mean_decay(x: Array) -> Array:
    """Return (1 − e^{−x})/x for x >= 0, 1 at x = 0."""
    return np.divide(-np.expm1(-x), x, out=np.ones_like(x), where=x > 0)


def _as_flow(algorithm: str, curve: Riccati, until: float | None) -> Flow:
    """List the closed form at times that resolve every jump."""
    fastest = float(np.abs(curve.rates).max())
    if fastest == 0:
        times, status = np.array([0.0, until or 1.0]), Status.NOTHING_TO_LEARN
        remaining = NOTHING
    else:
        centres = np.append(curve.mode_times, 0.0)
        folds = 1 / (curve.scale * np.append(curve.rates[curve.pivots], fastest))
        last = float((centres + FOLDINGS * folds).max())
        for _ in range(DOUBLINGS):
            if not curve._outlook(last).moves:
                break
            last *= 2
        stop = until or last
        times, outlook = listed(centres, folds, stop), curve._outlook(stop)
        status = outlook.status or Status.UNTIL_REACHED
        remaining = left_by(outlook)
    return Flow(
        algorithm=algorithm,
        source=SOURCE,
        log_alpha=-curve.scale,
        kappa=2,
        times=times,
        curve=curve,
        status=status,
        remaining=remaining,
    )
