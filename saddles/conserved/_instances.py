"""The symmetries of deep learning: rescaling, translation, scaling.

Kunin et al., "Neural Mechanics" (ICLR 2021, arXiv:2012.04728), section 3. For linear networks the
conserved matrix goes back to Fukumizu (1998) and to Saxe, McClelland and Ganguli (2014,
arXiv:1312.6120), for ReLU neurons to Du, Hu and Lee (2018, arXiv:1806.00900).

===============  ===========================================  ======================
name             ψ_ξ                                          Q
===============  ===========================================  ======================
``rescaling``    a_i → e^{2ξ_i} a_i,  w_i → e^{−2ξ_i} w_i     |a_i|² − |w_i|²
… of linear      A → A e^{2ξ},  W → e^{−2ξ} W,  ξ = ξᵀ        AᵀA − WWᵀ
``translation``  W → W + 1 ξᵀ                                 Wᵀ1
``scaling``      w → e^{2ξ} w                                 |w|²
===============  ===========================================  ======================

w_i is row i of W with its bias if there is one, a_i is column i of A. GL acts on a linear network,
W → GW and A → AG⁻¹ for any invertible G, but only its symmetric generators give a gradient, hence
the symmetric matrix AᵀA − WWᵀ; its rotations conserve nothing. Signs are those of the single
neuron: δ = a² − |w|² is positive for an upstream start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saddles import checks
from saddles.conserved._symmetry import Symmetry, Weights
from saddles.typing import Array

__all__ = ["rescaling", "scaling", "translation"]

SOURCE = "Kunin et al. 2021, arXiv:2012.04728, section 3"


def rescaling(
    incoming: str, outgoing: str, *, bias: str | None = None, linear: bool = False
) -> Symmetry:
    """Symmetry between two layers that rescales what goes into a neuron against what comes out.

    Conserved per neuron: ``|outgoing|² − |incoming|²``, where what lies between is positively
    homogeneous (ReLU, leaky ReLU, max-pooling). For a linear network, ``linear=True``, the whole
    matrix AᵀA − WWᵀ.

    Parameters
    ----------
    incoming : str
        Name of the weights W into the neurons, (h, ...): dense (h, d) or convolutional.
    outgoing : str
        Name of the weights A out of them, (c, h, ...), or (h,) for a single output.
    bias : str, optional
        Name of the biases (h,) of the neurons; they count as incoming weights.
    linear : bool
        Whether nothing lies between the two layers.

    Returns
    -------
    Symmetry
        With invariant (h,), or (h, h) if linear; elements of the linear one are symmetric.

    Raises
    ------
    TypeError, ValueError
        If names are not text; when used, if the weights are missing or their shapes do not fit.

    Examples
    --------
    >>> from saddles import conserved
    >>> weights = {"W": [[1.0, 0.0], [2.0, 1.0]], "A": [[1.0, 3.0]]}
    >>> conserved.rescaling("W", "A").invariant(weights)
    array([0., 4.])
    >>> conserved.rescaling("W", "A", linear=True).invariant(weights)
    array([[0., 1.],
           [1., 4.]])
    """
    names = _names(incoming=incoming, outgoing=outgoing, bias=bias)
    inward = names[:1] + names[2:]

    layers = _Layers(inward, outgoing, linear)
    return Symmetry(
        name="linear rescaling" if linear else "rescaling",
        source=SOURCE,
        weights=names,
        degree=2,
        transform=layers.transform,
        velocity=layers.velocity,
        quantity=layers.quantity,
        terms=layers.terms,
    )


def translation(weight: str, *, bias: str | None = None) -> Symmetry:
    """Symmetry of the weights before a softmax: all classes translated together.

    Conserved: the sum of the weights over the classes, one number per input. It is linear in the
    weights, so that gradient descent conserves it too, at any step.

    Parameters
    ----------
    weight : str
        Name of the weights (c, ...), classes first.
    bias : str, optional
        Name of the biases (c,).

    Returns
    -------
    Symmetry
        With invariant (p,), p the number of inputs of a class; the bias is the last.

    Examples
    --------
    >>> from saddles import conserved
    >>> conserved.translation("W").invariant({"W": [[1.0, 2.0], [3.0, -2.0]]})
    array([4., 0.])
    """
    names = _names(weight=weight, bias=bias)

    classes = _Classes(names)
    return Symmetry(
        name="translation",
        source=SOURCE,
        weights=names,
        degree=1,
        transform=classes.transform,
        velocity=classes.velocity,
        quantity=classes.quantity,
        terms=classes.terms,
    )


def scaling(*weights: str, rows: bool = False) -> Symmetry:
    """Symmetry of weights before a normalisation, which takes their common factor out again.

    Conserved: their squared norm |w|². Gradient descent lets it grow, by η²|∇L|² per step.

    Parameters
    ----------
    *weights : str
        Names of the weights that are normalised together.
    rows : bool
        Whether each row (each output unit, as before batch normalisation) is normalised alone.

    Returns
    -------
    Symmetry
        With invariant (), or (h,) for h rows.

    Raises
    ------
    TypeError, ValueError
        If names are not text; when used, if the weights are missing.

    Examples
    --------
    >>> from saddles import conserved
    >>> conserved.scaling("W", rows=True).invariant({"W": [[3.0, 4.0], [1.0, 0.0]]})
    array([25.,  1.])
    """
    if not weights:
        raise TypeError("scaling() needs the name of at least one weight.")
    names = _names(**{f"weights[{k}]": name for k, name in enumerate(weights)})

    normalised = _Normalised(names, rows)
    return Symmetry(
        name="row scaling" if rows else "scaling",
        source=SOURCE,
        weights=names,
        degree=2,
        transform=normalised.transform,
        velocity=normalised.velocity,
        quantity=normalised.quantity,
        terms=normalised.quantity,
    )


@dataclass(frozen=True)
class _Layers:
    """Weights into neurons, against those out of them."""

    inward: tuple[str, ...]
    outgoing: str
    linear: bool

    def transform(self, weights: Weights, element: Array) -> Weights:
        self._matrices(weights)
        known = self._checked(element)
        return self._acted(weights, _exp(-2 * known), _exp(2 * known))

    def velocity(self, weights: Weights, element: Array) -> Weights:
        known = self._checked(element)
        return self._acted(weights, -2 * known, 2 * known)

    def quantity(self, weights: Weights) -> Array:
        w, a = self._matrices(weights)
        return a @ a.T - w @ w.T if self.linear else np.sum(a**2, axis=1) - np.sum(w**2, axis=1)

    def terms(self, weights: Weights) -> Array:
        squares = sum(np.sum(matrix**2, axis=1) for matrix in self._matrices(weights))
        return np.sqrt(np.outer(squares, squares)) if self.linear else np.asarray(squares)

    def _acted(self, weights: Weights, before: Array, after: Array) -> Weights:
        out = {name: _left(before, weights[name]) for name in self.inward}
        return out | {self.outgoing: _right(after, weights[self.outgoing])}

    def _matrices(self, weights: Weights) -> tuple[Array, Array]:
        return _paired(weights, self.inward, self.outgoing)

    def _checked(self, element: Array) -> Array:
        """Refuse elements of the linear symmetry that are not symmetric: they conserve nothing."""
        return checks.symmetric(element, "element") if self.linear else element


@dataclass(frozen=True)
class _Classes:
    """Weights before a softmax."""

    names: tuple[str, ...]

    def transform(self, weights: Weights, element: Array) -> Weights:
        moved = self.velocity(weights, element)
        return {name: weights[name] + moved[name] for name in self.names}

    def velocity(self, weights: Weights, element: Array) -> Weights:
        out, start = {}, 0
        for name in self.names:
            shape = weights[name].shape
            count = int(np.prod(shape[1:]))
            shift = element[start : start + count].reshape(shape[1:])
            out[name], start = np.broadcast_to(shift, shape).copy(), start + count
        return out

    def quantity(self, weights: Weights) -> Array:
        return np.asarray(_rows(weights, self.names).sum(axis=0))

    def terms(self, weights: Weights) -> Array:
        return np.asarray(np.abs(_rows(weights, self.names)).sum(axis=0))


@dataclass(frozen=True)
class _Normalised:
    """Weights before a normalisation, of all of them or of each row."""

    names: tuple[str, ...]
    rows: bool

    def transform(self, values: Weights, element: Array) -> Weights:
        return {name: _left(np.exp(2 * element), values[name]) for name in self.names}

    def velocity(self, values: Weights, element: Array) -> Weights:
        return {name: 2 * _left(element, values[name]) for name in self.names}

    def quantity(self, values: Weights) -> Array:
        if self.rows:
            return np.asarray(np.sum(_rows(values, self.names) ** 2, axis=1))
        return np.asarray(sum(np.sum(values[name] ** 2) for name in self.names))


def _names(**names: str | None) -> tuple[str, ...]:
    """Return the names that are given, checked."""
    for label, name in names.items():
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{label}={checks.show(name)} must be the name of a weight, as text.")
    given = tuple(name for name in names.values() if name is not None)
    if len(set(given)) < len(given):
        raise ValueError(f"the names {', '.join(map(repr, given))} must differ from one another.")
    return given


def _rows(weights: Weights, names: Sequence[str]) -> Array:
    """Return the weights side by side, one row per unit of their first axis."""
    parts = [_flat(weights[name], name) for name in names]
    if len({len(part) for part in parts}) > 1:
        shapes = ", ".join(f"{name!r} {weights[name].shape}" for name in names)
        raise ValueError(f"weights have shapes {shapes}; their first axes must be equally long.")
    return np.hstack(parts)


def _flat(weight: Array, name: str) -> Array:
    if weight.ndim == 0:
        raise ValueError(f"weight {name!r} is a single number; it must have an axis of units.")
    return weight.reshape(len(weight), -1)


def _paired(weights: Weights, inward: Sequence[str], outgoing: str) -> tuple[Array, Array]:
    """Return what goes into each neuron and what comes out of it, (h, p) and (h, q)."""
    w, out = _rows(weights, inward), weights[outgoing]
    neurons = out.ndim - 1 if out.ndim < 2 else 1
    if out.ndim == 0 or out.shape[neurons] != len(w):
        raise ValueError(
            f"incoming weights {inward[0]!r} have shape {weights[inward[0]].shape} and outgoing "
            f"weights {outgoing!r} have shape {out.shape}; the first axis of the one and the "
            "second of the other (or the only one) must run over the same neurons."
        )
    return w, np.moveaxis(out, neurons, 0).reshape(len(w), -1)


def _left(factor: Array, weight: Array) -> Array:
    """Multiply along the first axis: by a number, a number per row, or a matrix."""
    if factor.ndim == 2:
        return np.tensordot(factor, weight, axes=1)
    return np.asarray(factor.reshape(factor.shape + (1,) * (weight.ndim - factor.ndim)) * weight)


def _right(factor: Array, weight: Array) -> Array:
    """Multiply along the axis of the neurons of outgoing weights."""
    axis = min(1, weight.ndim - 1)
    return np.asarray(np.moveaxis(_left(factor, np.moveaxis(weight, axis, 0)), 0, axis))


def _exp(element: Array) -> Array:
    if element.ndim < 2:
        return np.exp(element)
    values, vectors = np.linalg.eigh(element)
    return np.asarray((vectors * np.exp(values)) @ vectors.T)
