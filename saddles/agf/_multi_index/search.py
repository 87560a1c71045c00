"""How long a neuron searches for a direction that it overlaps with only slightly.

A neuron a σ(w·x) of degree k in w starts balanced, |w|² = k a², from the scale α. The residual
stands still, and its correlation with the neuron has one Hermite degree p along one direction u:
sgn(a) E[σ(ŵ·x) r] = μ v^p with the overlap v = u·ŵ. Gradient flow then turns the neuron and lets it
grow such that 1 − v² = (1 − v(0)²)(|θ(0)|/|θ|)^(2p/k): it is aligned as soon as it has grown by a
factor of order 1. With l = log(|θ|/|θ(0)|) this gives the time by one integral,

    κ Û t α^(κ−2) = ∫ e^(−(κ−2) l) v(l)^(−p) dl,   κ = k + 1,   Û = k^(k/2) κ^(−κ/2) |μ|,

which is a hypergeometric function: with q = k(k−1)/2p and α → 0, (κ−2) times the integral is
₂F₁(p/2, q; q+1; 1 − v(0)²). Here it is summed by two series that meet at an overlap between.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``k``, ``p``     degree of σ, and Hermite degree of the correlation
``v``            overlap u·ŵ
``left``         1 − v²
``scale``        log(1/α)
===============  ==========================================================================
"""

from __future__ import annotations

import math

import numpy as np

from saddles import checks

__all__ = ["search_time"]

#: Terms of a series count down to exp(−NOTHING); the logarithm of an index is at most LONGEST.
NOTHING, LONGEST = 40.0, 10.0
#: Largest degree: the number of terms grows with its square.
HIGHEST = 500


def search_time(k: int, p: int, mu: float, v0: float, *, log_alpha: float = -math.inf) -> float:
    """Time after which a neuron rings that searches for one direction, in closed form.

    Parameters
    ----------
    k : int
        Degree of the activation: 1 for ReLU, 2 for quadratic and squared ReLU, 3 for cubic.
    p : int
        Hermite degree of the correlation that the neuron follows, at least 1: the information
        exponent, if the neuron is small.
    mu : float
        sgn(a) E[σ(ŵ·x) r] of a neuron in the direction u that it searches for. For a target
        g He_p(u·x) it is sgn(a) s_p p! g, where s_p is the Hermite coefficient of σ.
    v0 : float
        Initial overlap u·ŵ, between −1 and 1. In d dimensions it is about 1/√d.
    log_alpha : float
        Logarithm of the initial scale: |θ(0)| = α, |w(0)|² = k a(0)². Minus infinity is the limit.

    Returns
    -------
    float
        Time at which |θ| = 1, in the scaled time of jumps: t/log(1/α) if k = 1, and t α^(k−1)
        above. Infinite for a neuron that never rings: without overlap if p > 1, or with an overlap
        of the wrong sign.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.

    Notes
    -----
    Derived for population gradient flow while the residual stands still, which it does up to the
    first jump as α → 0. With κ = k + 1, Û = k^(k/2) κ^(−κ/2) μ and q = k(k−1)/(2p), the time is

    - k > 1, α → 0: F(p/2, q; q + 1; 1 − v0²)/(κ(κ−2)Û), F the hypergeometric function;
    - k = 1: 1/μ plus a part of order 1/log(1/α), which is log(2/(1+v0)) for p = 1, log(1/v0)/2
      for p = 2 and about v0^(2−p)/(p(p−2)) above, each over μ log(1/α).

    For small v0 and k > 1 the time is k v0^(2−p)/(p(p−2)κÛ) for p > 2, which grows like
    d^(p/2−1), and k(2 log(1/v0) − ψ(q) − γ)/(4κÛ) for p = 2, which grows like log(d). For p = 1 it
    does not grow.

    Examples
    --------
    Cubic neurons find a cubic direction after a time 1/(4Û v0(1 + v0)):

    >>> import saddles
    >>> times = [saddles.agf.search_time(3, 3, 6.0, d**-0.5) for d in (1e2, 1e4, 1e6)]
    >>> [round(time, 4) for time in times]
    [1.1664, 12.703, 128.1719]
    """
    degree, order = (checks.whole_number(n, name, least=1) for n, name in ((k, "k"), (p, "p")))
    if max(degree, order) > HIGHEST:
        raise ValueError(
            f"k={k!r}, p={p!r}: the series that are summed are short enough for degrees up to "
            f"{HIGHEST}; pass smaller ones."
        )
    rate, overlap = checks.finite_number(mu, "mu"), checks.finite_number(v0, "v0")
    scale = -checks.log_scale(log_alpha, allow_limit=True)
    if not -1 <= overlap <= 1:
        raise ValueError(f"v0={v0!r}: an overlap of unit vectors lies between -1 and 1.")
    if rate < 0 and order % 2:  # the direction -u is the one to search for
        rate, overlap = -rate, -overlap
    if order % 2 == 0:
        overlap = abs(overlap)
    stuck = overlap == -1 if order == 1 else overlap <= 0
    if stuck or rate <= 0:
        return math.inf
    if degree == 1 and math.isinf(scale):
        return 1 / rate
    speed: float = math.sqrt(degree + 1) * (degree / (degree + 1)) ** (degree / 2) * rate
    with np.errstate(over="ignore", invalid="ignore"):
        time = _integral(degree, order, overlap, scale) / (speed * (scale if degree == 1 else 1.0))
    if not math.isfinite(time):
        raise ValueError(
            f"v0={v0!r}, mu={mu!r}: the time exceeds the largest float64; pass larger ones."
        )
    return time


def _integral(k: int, p: int, overlap: float, scale: float) -> float:
    """Integrate e^(−(κ−2) l) v(l)^(−p) from an overlap at l = 0 up to l = `scale`."""
    v, q = abs(overlap), k * (k - 1) / (2 * p)
    left, middle = np.float64((1 - v) * (1 + v)), 1 / (2 + q)

    def early(first: float, last: float) -> float:
        return float(k / p * left**-q * _powers(q, p, first, last))

    def late(first: float, last: float) -> float:
        rest = float(left * np.exp(-2 * p * first / k))
        return float(np.exp(-(k - 1) * first) * _exponentials(k, p, rest, last - first))

    # The growth at which the overlap is `middle`, below 0 if it is more from the start.
    meet = k / (2 * p) * math.log(left / (1 - middle)) if left > 0 else -math.inf
    high = math.sqrt(middle)
    found = 0.0
    if overlap < 0:  # p = 1: the neuron shrinks down to v = 0, in the reverse of its growth
        found += 2 * (early(0.0, min(v, high)) + (late(meet, 0.0) if meet < 0 else 0.0))
    if scale < meet:
        return found + early(v, math.sqrt(v**2 - left * math.expm1(-2 * p * scale / k)))
    if meet > 0:
        found += early(v, high)
    return found + late(max(meet, 0.0), scale)


def _powers(q: float, p: int, first: float, last: float) -> float:
    """Integrate (1 − v²)^(q−1) v^(1−p) between overlaps of at most `middle`, by powers of v²."""
    terms = np.arange(NOTHING / math.log(2) + 8)
    factors = np.cumprod(np.append(1.0, (terms[1:] - q) / terms[1:]))
    powers = 2 * terms + 2 - p
    shrink = math.log(first / last) if first else -math.inf
    nonzero = np.where(powers == 0, 1.0, powers)
    each = np.where(powers == 0, -shrink, -np.expm1(nonzero * shrink) / nonzero)
    return float(factors * last**powers @ each)


def _exponentials(k: int, p: int, left: float, growth: float) -> float:
    """Integrate e^(−(κ−2) l) (1 − `left` e^(−2pl/k))^(−p/2) from 0, by powers of `left`."""
    terms = np.arange((2 + k * (k - 1) / (2 * p)) * (NOTHING + p * LONGEST / 2))
    factors = np.cumprod(np.append(1.0, (p / 2 + terms[:-1]) / terms[1:] * left))
    rates = k - 1 + 2 * p / k * terms
    if k == 1:  # the first one is constant
        return growth + float(factors[1:] @ (-np.expm1(-rates[1:] * growth) / rates[1:]))
    return float(factors @ (-np.expm1(-rates * growth) / rates))
