"""Closed form: when the modes of a deep linear network are learnt, from an aligned start.

Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
neural networks" (ICLR 2014, arXiv:1312.6120): from layers that are aligned with the data and of
equal size a in a mode, the mode s = a^L of the product keeps to itself,

    a' = a^{L−1} (σ − γ a^L),   A^L = σ/γ where it ends.

With H(x) = −x^{2−L}/(L−2) · ₂F₁(1, 2/L−1; 2/L; x^L), the time from a_0 to s = φ A^L is
(A^{2−L}/σ) [H(φ^{1/L}) − H(a_0/A)]. At depth 2 it is the logistic function's.

===============  ======================================================================
code name        symbol
===============  ======================================================================
``rates``        σ, shape (k,)
``curvatures``   γ
``sizes``        a_0/α
``share``        φ
``begun``        (a_0/A)^L, the share that is there at the start
===============  ======================================================================
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from saddles import checks
from saddles.typing import Array, ArrayLike

__all__ = ["deep_modes", "jump_constant"]


def deep_modes(
    rates: ArrayLike,
    *,
    depth: int,
    log_alpha: float = -math.inf,
    curvatures: ArrayLike = 1.0,
    init: ArrayLike = 1.0,
    share: float = 0.5,
) -> Array:
    """Return when the modes of a deep linear network are learnt from an aligned start.

    Parameters
    ----------
    rates : array_like of shape (k,)
        Correlations σ of input and output in each mode, above 0: the singular values of Σyx.
    depth : int
        Number of layers L, at least 2.
    log_alpha : float
        Logarithm of the initial scale, below 0; minus infinity is the limit.
    curvatures : float or array_like of shape (k,)
        Variances γ of the inputs in each mode, above 0: the mode ends at σ/γ. They are 1 for
        whitened inputs, and for the factorisation of a matrix with eigenvalues σ.
    init : float or array_like of shape (k,)
        Initial size of the mode in each layer over α, above 0; 1 for layers that start as α times
        the identity.
    share : float
        Share of its final value σ/γ at which a mode counts as learnt, between 0 and 1.

    Returns
    -------
    ndarray of shape (k,)
        Scaled times: ``t * alpha**(L - 2)``, or ``t / log(1/alpha)`` for two layers.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy; also if a mode starts beyond its
        share.

    Notes
    -----
    An aligned start is diagonal in the same bases as the data, so each mode has a clock of its own.
    In the limit the times are 1/((L − 2) σ init^(L − 2)), and 1/σ for two layers.

    Examples
    --------
    >>> import saddles
    >>> saddles.flow.deep_modes([2.0, 1.0], depth=3).tolist()
    [0.5, 1.0]
    >>> saddles.flow.deep_modes([2.0, 1.0], depth=3, log_alpha=-6.0).round(4).tolist()
    [0.4992, 0.9979]
    """
    sigma = _positive(rates, "rates", None)
    depth = checks.whole_number(depth, "depth", least=2)
    scale = checks.log_scale(log_alpha, allow_limit=True)
    gamma = _positive(curvatures, "curvatures", sigma.size)
    sizes = _positive(init, "init", sigma.size)
    rule = "it must lie between 0 and 1, the share of a mode at which it counts as learnt"
    share = checks.real_number(share, "share", rule, lambda value: 0 < value < 1)
    log_end = (np.log(sigma) - np.log(gamma)) / depth
    begun = np.exp(depth * (scale + np.log(sizes) - log_end))
    if (begun >= share).any():
        where = int(np.argmax(begun >= share))
        raise ValueError(
            f"log_alpha={scale!r}: mode {where} starts at {begun[where]:.3g} of its end, beyond "
            f"share={share!r}; lower log_alpha or init."
        )
    if depth == 2:
        if math.isinf(scale):
            return np.asarray(1 / sigma)
        ahead = math.log(share) - math.log1p(-share) - np.log(begun) + np.log1p(-begun)
        return np.asarray(ahead / (2 * sigma * -scale))
    power = depth - 2
    waits = sizes**-power * _grown(begun, depth) / (power * sigma)
    over = np.exp(power * (scale - log_end)) * share ** (-power / depth) / power
    return np.asarray(waits - over * _grown(np.array(share), depth) / sigma)


def jump_constant(depth: int, rate: float, size: float) -> float:
    """Return c_1 = (A^{2−D}/σ) H(φ^{1/D}), by which half of a jump is done after its limit.

    Of a coordinate of a diagonal network of depth D ≥ 3 that jumps alone from gradient `rate` to
    A^D = `size`, in units of α^{D−2}: its loss has dropped by half at φ = 1 − 2^{−½}, whatever the
    initial weights were.
    """
    share, power = 1 - math.sqrt(0.5), depth - 2
    grown = float(_grown(np.array(share), depth))
    return -math.pow(size * share, -power / depth) * grown / (power * rate)


def _grown(x: Array, depth: int) -> Array:
    """Return ₂F₁(1, 2/L − 1; 2/L; x)."""
    from scipy.special import hyp2f1

    return np.asarray(hyp2f1(1.0, 2 / depth - 1, 2 / depth, x))


def _positive(value: Any, name: str, count: int | None) -> Array:
    """Return numbers (k,) above 0, or one for all."""
    numbers = checks.real_array(value, name, 1 if count is None else (0, 1))
    if count is not None and numbers.ndim and numbers.size != count:
        raise ValueError(
            f"{name}={checks.show(numbers)} has shape {numbers.shape}; give one number, or one for "
            f"each of the {count} rates."
        )
    if not (numbers > 0).all():
        raise ValueError(f"{name}={checks.show(numbers)} must be above 0 in every mode.")
    return numbers
