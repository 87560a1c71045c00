"""Function-space formulas of the single neuron, for any data and any loss.

Kunin et al., "Get rich quick" (NeurIPS 2024, arXiv:2406.06158), Section 3. With β = a w and
s = sqrt(δ² + 4|β|²) = a² + |w|², gradient flow of any loss L(β) is

    β' = −M ∇L,    M = a² I + w wᵀ = ((s + δ)/2) I + ((s − δ)/2) β̂β̂ᵀ,    K = X M Xᵀ,
    d|β|/dt = −s β̂·∇L,    dβ̂/dt = −((s + δ)/(2|β|)) (I − β̂β̂ᵀ) ∇L.

==========================  =======================================
code name                   symbol
==========================  =======================================
``conserved(a, w)``         δ = a² − |w|²
``square_sum``              s = a² + |w|²
``squares(norm, delta)``    a² = (s + δ)/2 and |w|² = (s − δ)/2
``preconditioner``          M
``kernel``                  K, the neural tangent kernel
==========================  =======================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools.record import Record
from saddles.typing import Array, ArrayLike

__all__ = [
    "Speeds",
    "conserved",
    "kernel",
    "kernel_distance",
    "preconditioner",
    "speeds",
    "squares",
]


def squares(norm: float, delta: float) -> tuple[float, float]:
    """Return a² and |w|² from |β| and δ, neither by a difference of nearly equal numbers."""
    half_sum = (math.hypot(delta, 2 * norm) + abs(delta)) / 2
    other = norm * (norm / half_sum) if half_sum else 0.0
    return (half_sum, other) if delta >= 0 else (other, half_sum)


def conserved(a: ArrayLike, w: ArrayLike) -> Any:
    """Conserved quantity a² − |w|² of the gradient flow of any loss of a * w.

    Parameters
    ----------
    a : float or array_like of shape (q,)
        Output weight.
    w : array_like of shape (d,) or (q, d)
        Input weights.

    Returns
    -------
    float or ndarray of shape (q,)
        Positive for an upstream, zero for a balanced, negative for a downstream initialisation.

    Raises
    ------
    TypeError, ValueError
        If `a` and `w` are not a neuron, or as many neurons as each other.

    Examples
    --------
    >>> from saddles import neuron
    >>> neuron.conserved(2.0, [3.0, 4.0])
    -21.0
    """
    output, inputs = _neurons(a, w)
    norm = np.linalg.norm(inputs, axis=-1)
    delta = (output - norm) * (output + norm)
    return float(delta) if delta.ndim == 0 else delta


def preconditioner(beta: ArrayLike, delta: float) -> Array:
    """Matrix M of the function-space flow beta' = -M grad L.

    Parameters
    ----------
    beta : array_like of shape (d,)
        Function-space point a * w.
    delta : float
        Conserved quantity a² − |w|².

    Returns
    -------
    ndarray of shape (d, d)
        ``a² I + w wᵀ``, symmetric and positive semi-definite.

    Raises
    ------
    TypeError, ValueError
        On bad input; also if `beta` is zero and `delta` negative, where M depends on the direction
        of w, which beta no longer holds.

    Examples
    --------
    >>> from saddles import neuron
    >>> neuron.preconditioner([2.0, 0.0], 0.0)
    array([[4., 0.],
           [0., 2.]])
    """
    point, delta = checks.real_array(beta, "beta", 1), checks.finite_number(delta, "delta")
    norm, direction = _polar(point, delta, "beta")
    a_squared, w_squared = squares(norm, delta)
    matrix = w_squared * np.outer(direction, direction)
    matrix[np.diag_indices_from(matrix)] += a_squared
    return matrix


def kernel(X: ArrayLike, a: ArrayLike, w: ArrayLike) -> Array:
    """Neural tangent kernel of the neuron on the samples, at one time or along a trajectory.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Features.
    a : float or array_like of shape (q,)
        Output weight; pass ``trajectory.at(t)`` for the evolution of the kernel.
    w : array_like of shape (d,) or (q, d)
        Input weights.

    Returns
    -------
    ndarray of shape (n, n) or (q, n, n)
        ``X (a² I + w wᵀ) Xᵀ``, without any factor 1/n.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> from saddles import neuron
    >>> neuron.kernel([[1.0, 0.0], [1.0, 1.0]], 1.0, [2.0, 0.0])
    array([[5., 5.],
           [5., 6.]])
    """
    features = checks.real_array(X, "X", 2)
    output, inputs = _neurons(a, w)
    if inputs.shape[-1] != features.shape[1]:
        raise ValueError(
            f"X has shape {features.shape} and w has shape {inputs.shape}; w must have one entry "
            "per column of X."
        )
    outputs = inputs @ features.T
    products = outputs[..., :, None] * outputs[..., None, :]
    return np.asarray((output**2)[..., None, None] * (features @ features.T) + products)


def kernel_distance(first: ArrayLike, second: ArrayLike) -> Any:
    """Kernel distance 1 − <K₁, K₂> / (|K₁| |K₂|), Frobenius; 0 for proportional kernels.

    Fort et al., "Deep learning versus kernel learning" (NeurIPS 2020, arXiv:2010.15110). Computed
    as half the squared distance of the normalised kernels, so that small ones keep their digits.

    Parameters
    ----------
    first, second : array_like of shape (n, n) or (q, n, n)
        Kernels, not zero; broadcast against each other.

    Returns
    -------
    float or ndarray of shape (q,)
        In [0, 1] for positive semi-definite kernels.

    Raises
    ------
    ValueError
        If a kernel is zero or not finite, or the shapes do not fit.

    Examples
    --------
    >>> from saddles import neuron
    >>> neuron.kernel_distance([[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 3.0]])
    1.0
    """
    one, two = _normalised(first, "first"), _normalised(second, "second")
    times = {len(kernels) for kernels in (one, two) if kernels.ndim == 3} - {1}
    if one.shape[-2:] != two.shape[-2:] or len(times) > 1:
        raise ValueError(
            f"first has shape {one.shape} and second has shape {two.shape}; they must be kernels "
            "on the same samples, equally many of both, or a single one."
        )
    distance = np.sum((one - two) ** 2, axis=(-2, -1)) / 2
    return float(distance) if distance.ndim == 0 else distance


@dataclass(frozen=True, eq=False, repr=False)
class Speeds(Record):
    """How fast the function-space point moves, and turns.

    Attributes
    ----------
    radial : float
        d|beta|/dt, negative while the norm shrinks.
    directional : ndarray of shape (d,)
        Derivative of the direction beta/|beta|, orthogonal to it.
    radial_factor : float
        ``s = sqrt(delta² + 4 |beta|²)``, what −⟨direction, gradient⟩ is multiplied by.
    directional_factor : float
        ``(s + delta) / (2 |beta|)``, what the orthogonal part of −gradient is multiplied by.
    """

    radial: float
    directional: Array
    radial_factor: float
    directional_factor: float


def speeds(beta: ArrayLike, delta: float, gradient: ArrayLike) -> Speeds:
    """Radial and directional speed of the function-space flow, for any loss.

    Parameters
    ----------
    beta : array_like of shape (d,)
        Function-space point, not zero.
    delta : float
        Conserved quantity a² − |w|².
    gradient : array_like of shape (d,)
        Gradient of the loss with respect to beta, of whatever loss sets the unit of time; for the
        mean loss it is ``saddles.Regression(X, y).gradient(beta)``, n times that for the sum.

    Returns
    -------
    Speeds
        Both derivatives, and the factors that the table of time scales compares.

    Raises
    ------
    TypeError, ValueError
        On bad input, or if `beta` is zero: the origin has no direction.

    Examples
    --------
    >>> from saddles import neuron
    >>> slow_to_turn = neuron.speeds([1.0, 0.0], -100.0, [-1.0, -1.0])
    >>> round(slow_to_turn.radial, 2), slow_to_turn.directional.round(2)
    (100.02, array([-0.  ,  0.01]))
    """
    point, delta = checks.real_array(beta, "beta", 1), checks.finite_number(delta, "delta")
    slope = checks.per_feature(gradient, "gradient", point.shape[0])
    norm, direction = _polar(point, -1.0, "beta")
    along = float(direction @ slope)
    radial_factor = math.hypot(delta, 2 * norm)
    factor = directional_factor(norm, delta)
    return Speeds(
        radial=-radial_factor * along,
        directional=-factor * (slope - along * direction),
        radial_factor=radial_factor,
        directional_factor=factor,
    )


def directional_factor(norm: float, delta: float) -> float:
    """Return (s + δ)/(2|β|) = a²/|β| = |a|/|w|."""
    a_squared, w_squared = squares(norm, delta)
    return math.sqrt(a_squared) / math.sqrt(w_squared)


def _neurons(a: ArrayLike, w: ArrayLike) -> tuple[Array, Array]:
    """Return a, of shape () or (q,), and w, of shape (d,) or (q, d)."""
    output = checks.real_array(a, "a", (0, 1))
    inputs = checks.real_array(w, "w", output.ndim + 1)
    if output.ndim:
        checks.same_length(output, "a", inputs, "w")
    return output, inputs


def _polar(point: Array, delta: float, name: str) -> tuple[float, Array]:
    """Return |β| and β̂; the origin, where any direction will do if δ >= 0, is refused if δ < 0."""
    norm = float(np.linalg.norm(point))
    if norm > 0:
        return norm, point / norm
    if delta < 0:
        raise ValueError(
            f"{name}={checks.show(point)} is zero, where the direction of the weights w is not a "
            "function of beta; use the weights themselves (neuron.exact, neuron.limit)."
        )
    return norm, point


def _normalised(value: ArrayLike, name: str) -> Array:
    matrices = checks.real_array(value, name, (2, 3))
    if matrices.shape[-1] != matrices.shape[-2]:
        raise ValueError(f"{name} has shape {matrices.shape}; a kernel on n samples is (n, n).")
    largest = np.abs(matrices).max(axis=(-2, -1), keepdims=True)
    if not largest.all():
        raise ValueError(f"{name} is a zero kernel, which has no direction; leave it out.")
    # By a power of two first, which is exact: the square of a small entry underflows.
    matrices = np.ldexp(matrices, -np.frexp(largest)[1])
    return np.asarray(matrices / np.linalg.norm(matrices, axis=(-2, -1), keepdims=True))
