"""Whether a network is invariant under a symmetry: tried on the network itself (needs torch).

Two measurements, for random elements ξ of the group:

==================  ============================================================================
code name           symbol
==================  ============================================================================
``deviation``       largest |g(ψ_ξ(θ)) − g(θ)| / |g|, g the outputs, or the loss of the outputs
``projection``      largest |<∇(c·g), v_ξ>| / (|∇(c·g)| |v_ξ|), with random weights c of the outputs
==================  ============================================================================

The first is the symmetry, the second its derivative, by which gradient flow conserves something.
Both are zero as well where there is nothing to test: where g has no gradient by the weights that
the symmetry moves, as with dead neurons, or moves none, as with weights of zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools import torch_modules
from saddles._tools.record import Record
from saddles.conserved._symmetry import Symmetry, Weights
from saddles.typing import Array

__all__ = ["Invariance", "check"]

#: Rounding of a deep network in float64, some orders above eps and far below any real dependence.
TOLERANCE = 1e-10

#: Size of the random elements: the transformations multiply weights by factors of about e^(±1).
ELEMENT = 0.5


@dataclass(frozen=True, eq=False, repr=False)
class Invariance(Record):
    """Verdict on a symmetry of a network.

    Attributes
    ----------
    symmetry : str
        Its name.
    deviation : float
        Largest relative change of what should stay, over random transformations.
    projection : float
        Largest cosine between the gradient of what should stay and the generator.
    tolerance : float
        What both may be.
    vacuous : str
        Why nothing was tested, as a sentence; empty if something was.
    """

    symmetry: str
    deviation: float
    projection: float
    tolerance: float
    vacuous: str = ""

    @property
    def holds(self) -> bool:
        """Whether both are within the tolerance (NaN is not), and something was tested."""
        within = self.deviation <= self.tolerance and self.projection <= self.tolerance
        return within and not self.vacuous

    def __repr__(self) -> str:
        if self.vacuous:
            return f"<{self.symmetry} not tested: {self.vacuous}>"
        verdict = "holds" if self.holds else "broken"
        return (
            f"<{self.symmetry} {verdict}: deviation {self.deviation:.1e}, projection "
            f"{self.projection:.1e}, tolerance {self.tolerance:.0e}>"
        )


def check(
    module: Any,
    symmetry: Symmetry,
    inputs: Any,
    *,
    loss: Callable[[Any], Any] | None = None,
    trials: int = 3,
    seed: int = 0,
    tolerance: float = TOLERANCE,
) -> Invariance:
    """Try whether a torch module is invariant under a symmetry of its weights.

    Runs in float64 on copies; the module is not changed.

    Parameters
    ----------
    module : torch.nn.Module
        In the mode (training or evaluation) that is meant; it must be deterministic there.
    symmetry : Symmetry
        Its weights are named as in ``module.named_parameters()``.
    inputs : tensor or array_like of shape (n, ...)
        Samples to try it on.
    loss : callable, optional
        Function of the outputs (a float64 tensor) that should stay, if the outputs themselves do
        not: softmax for a translation of the logits, or the training loss.
    trials : int
        Number of random transformations.
    seed : int
        Of the random transformations.
    tolerance : float
        What deviation and projection may be.

    Returns
    -------
    Invariance
        Its ``holds`` is False, not an error, for a broken symmetry. It is False too if nothing was
        tested, which ``vacuous`` explains.

    Raises
    ------
    ImportError
        Without torch.
    TypeError, ValueError
        If the module lacks the weights, is random, or gives outputs that are not finite.

    Examples
    --------
    >>> import torch
    >>> from saddles import conserved
    >>> torch.manual_seed(0)
    <torch._C.Generator object at 0x...>
    >>> relu = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 1))
    >>> tanh = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    >>> symmetry = conserved.rescaling("0.weight", "2.weight", bias="0.bias")
    >>> inputs = torch.randn(4, 3)
    >>> conserved.check(relu, symmetry, inputs).holds, conserved.check(tanh, symmetry, inputs).holds
    (True, False)
    """
    weights, function = torch_modules.merged(module, None)
    torch_modules.arrays(weights, symmetry.weights)
    checks.callable_or_none(loss, "loss")
    trials, seed = checks.whole_number(trials, "trials", least=1), checks.whole_number(seed, "seed")
    rule = "it must be at least 0"
    tolerance = checks.real_number(tolerance, "tolerance", rule, lambda value: value >= 0)
    kept = _Kept(function, torch_modules.inputs_of(inputs), loss)
    before, size = _steady(kept, weights)
    rng = np.random.default_rng(seed)
    deviation = projection = 0.0
    vacuous = set()
    for _ in range(trials):
        element = _random(symmetry, weights, rng)
        moved = {**weights, **symmetry.act(weights, element)}
        after = kept.at(moved, "module(inputs), transformed,")
        deviation = max(deviation, float(np.abs(after - before).max()) / size)
        slope = kept.gradient(weights, rng.normal(size=before.shape))
        generator = symmetry.generator(weights, element)
        projection = max(projection, _cosine(slope, generator))
        vacuous.add(_nothing_tested(slope, generator))
    why = "" if "" in vacuous or deviation > tolerance else vacuous.pop()
    return Invariance(symmetry.name, deviation, projection, tolerance, why)


@dataclass(frozen=True, eq=False)
class _Kept:
    """What should stay: the outputs on some samples, or the loss of the outputs."""

    function: Callable[[dict[str, Any], Any], Any]
    samples: Any
    loss: Callable[[Any], Any] | None

    def at(self, weights: Weights, name: str) -> Array:
        """Return it at some weights; `name` is what messages call it."""
        return torch_modules.array(self._of(torch_modules.tensors(weights)), name)

    def gradient(self, weights: Weights, shares: Array) -> Weights:
        """Return the gradient of the sum of it times `shares`."""
        torch = torch_modules.torch()
        tensors = {k: t.requires_grad_() for k, t in torch_modules.tensors(weights).items()}
        total = (self._of(tensors) * torch.tensor(shares)).sum()
        if not total.requires_grad:  # constant outputs
            return {name: np.zeros(tuple(tensor.shape)) for name, tensor in tensors.items()}
        found = torch.autograd.grad(total, list(tensors.values()), allow_unused=True)
        return {
            k: np.zeros(tuple(tensor.shape)) if slope is None else torch_modules.array(slope, k)
            for (k, tensor), slope in zip(tensors.items(), found, strict=True)
        }

    def _of(self, tensors: dict[str, Any]) -> Any:
        outputs = self.function(tensors, self.samples)
        if self.loss is None:
            return outputs
        what = f"loss(outputs), with float64 outputs of shape {tuple(outputs.shape)},"
        with torch_modules.called(what, "correct the loss"):
            return self.loss(outputs)


def _steady(kept: _Kept, weights: Weights) -> tuple[Array, float]:
    """Return what should stay and its size, or say that it is random."""
    before, again = kept.at(weights, "module(inputs)"), kept.at(weights, "module(inputs)")
    size = float(np.abs(before).max()) or 1.0
    if not np.abs(again - before).max() <= TOLERANCE * size:
        raise ValueError(
            "module(inputs) changes from call to call; put the module in evaluation mode "
            "(module.eval()), so that nothing in it is random."
        )
    return before, size


def _random(symmetry: Symmetry, weights: Weights, rng: np.random.Generator) -> Array:
    """Return a random element, symmetric where it is a matrix."""
    element = rng.normal(size=symmetry.invariant(weights).shape)
    if element.ndim == 2:
        element = (element + element.T) / (2 * np.sqrt(len(element)))
    return np.asarray(ELEMENT * element)


def _nothing_tested(slope: Weights, generator: Weights) -> str:
    """Return why gradient and generator say nothing, or nothing if they do."""
    if not any(part.any() for part in generator.values()):
        return "the symmetry does not move these weights; try others."
    if not any(slope[name].any() for name in generator):
        return (
            "the outputs have no gradient by the weights that the symmetry moves; try other "
            "weights, or other inputs."
        )
    return ""


def _cosine(slope: Weights, generator: Weights) -> float:
    """Return |<∇, v>| / (|∇| |v|), with the gradient restricted to the weights that move."""
    product = sum(float(np.vdot(slope[name], v)) for name, v in generator.items())
    norms = [
        np.sqrt(sum(float(np.sum(part[name] ** 2)) for name in generator))
        for part in (slope, generator)
    ]
    return abs(product) / float(norms[0] * norms[1]) if all(norms) else 0.0
