"""A torch module as a function of one sample at a time: its outputs, and their derivatives.

Vectorised by ``torch.func.vmap`` where that can follow the module. Where it cannot (writes in
place, recurrent layers, ``squeeze``), a loop over the samples takes its place. Either way outputs
and derivatives are compared with those of the whole batch, so that neither is taken on trust.

===============  ==========================================================
code name        symbol
===============  ==========================================================
``outputs``      f(x_i), shape (n, c)
``rows``         ∂f_k(x_i)/∂θ, one array (n, k, size) per tensor of weights
===============  ==========================================================
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from saddles._tools import torch_modules
from saddles.typing import Array

__all__ = ["Outputs"]

#: What a sample's output may differ by when it is computed alone instead of within the batch.
ALONE = 1e-9

#: How far weights are moved, relative to their size, for a second look at whether samples influence
#: one another: at weights of zero an influence may show in the derivatives only.
MOVED = 0.1


class Outputs:
    """The outputs of a module on samples (n, ...), whose rows depend on their own sample alone.

    Raises ``ValueError`` if a row depends on other samples, or on chance.
    """

    def __init__(
        self, module: Any, inputs: Any, parameters: Mapping[str, Any] | None, name: str = "inputs"
    ) -> None:
        values, self.function = torch_modules.merged(module, parameters, name)
        self.tensors = torch_modules.tensors(values)
        self.samples, self.name = torch_modules.inputs_of(inputs, name), name
        self.vectorised = True
        together = self._together(self.tensors)
        self.count, self.size = together.shape[1], sum(t.numel() for t in self.tensors.values())
        self._require_independent(self.tensors, together)
        moved = self._moved()
        found = self._attempted(self._together, moved)
        if found is not None:  # else the module has no outputs there, as with roots of weights
            self._require_independent(moved, found)

    def rows(self, samples: slice, outputs: slice) -> list[Array]:
        """Return the derivatives of some outputs of some samples, an array (b, k, size) each."""
        chosen = self.samples[samples]
        if self.vectorised:
            found: list[Array] | None = self._attempted(self._vectorised_rows, chosen, outputs)
            if found is not None and self._adds_up(found, chosen, outputs):
                return found
            self.vectorised = False
        return self._looped_rows(chosen, outputs)

    def _together(self, tensors: Mapping[str, Any]) -> Array:
        """Return the outputs (n, c) of the whole batch."""
        with torch_modules.torch().no_grad():
            found = torch_modules.array(
                self.function(tensors, self.samples), f"module({self.name})"
            )
        if len(self.samples) == 1:
            return found.reshape(1, -1)
        if found.ndim == 0 or len(found) != len(self.samples):
            raise ValueError(
                f"module({self.name}) has shape {found.shape} for {len(self.samples)} samples; its "
                "first axis must run over the samples."
            )
        return found.reshape(len(found), -1)

    def _moved(self) -> dict[str, Any]:
        """Return weights nearby, none of them zero."""
        torch = torch_modules.torch()
        chance = torch.Generator().manual_seed(0)
        squares = sum(float((t * t).sum()) for t in self.tensors.values())
        typical = math.sqrt(squares / self.size) or 1.0
        return {
            name: t + MOVED * typical * torch.randn(t.shape, generator=chance, dtype=t.dtype)
            for name, t in self.tensors.items()
        }

    def _require_independent(self, tensors: Mapping[str, Any], together: Array) -> None:
        """Raise unless every sample has the same outputs alone as in the batch."""
        if len(together) == 1 or self._agrees(self._alone_at_once(tensors), together, tensors):
            return
        if not self._agrees(self._alone_one_by_one(tensors), together, tensors):
            raise ValueError(
                "the output of a sample depends on the others in its batch, or on chance; put the "
                "module in evaluation mode (module.eval()), and let its first axis run over the "
                "samples (batch_first=True for recurrent layers)."
            )

    def _alone_at_once(self, tensors: Mapping[str, Any]) -> Array | None:
        def alone(sample: Any) -> Any:
            return self.function(tensors, sample[None]).reshape(-1)

        def vectorised() -> Array:
            return np.asarray(torch_modules.torch().func.vmap(alone)(self.samples).numpy())

        found: Array | None = self._attempted(vectorised)
        return found

    def _alone_one_by_one(self, tensors: Mapping[str, Any]) -> Array | None:
        def looped() -> Array:
            with torch_modules.torch().no_grad():
                return np.array(
                    [
                        self.function(tensors, self.samples[[k]]).reshape(-1).numpy()
                        for k in range(len(self.samples))
                    ]
                )

        # Batch normalisation in training refuses single samples.
        found: Array | None = self._attempted(looped)
        return found

    def _agrees(self, alone: Array | None, together: Array, tensors: Mapping[str, Any]) -> bool:
        """Say whether outputs are equal up to rounding."""
        if alone is None or alone.shape != together.shape:
            return False
        apart = np.abs(alone - together).max(axis=1)
        odd = np.flatnonzero(~(apart <= ALONE * np.abs(together).max(axis=1)))
        return all(
            np.isfinite(apart[k]) and apart[k] <= ALONE * self._weighed(tensors, int(k))
            for k in odd
        )

    def _weighed(self, tensors: Mapping[str, Any], index: int) -> float:
        """Return Σ |∂f/∂θ| |θ|: what outputs round by, even where they cancel to nothing."""
        rows = self._looped_rows(self.samples[[index]], slice(None), tensors)
        return sum(
            float(np.abs(row * t.reshape(-1).numpy()).sum())
            for row, t in zip(rows, tensors.values(), strict=True)
        )

    def _vectorised_rows(self, samples: Any, outputs: slice) -> list[Array]:
        torch = torch_modules.torch()

        def alone(weights: Mapping[str, Any], sample: Any) -> Any:
            return self.function(weights, sample[None]).reshape(-1)[outputs]

        rows = torch.func.vmap(torch.func.jacrev(alone), (None, 0))(self.tensors, samples)
        return [rows[name].flatten(2).numpy() for name in self.tensors]

    def _looped_rows(
        self, samples: Any, outputs: slice, tensors: Mapping[str, Any] | None = None
    ) -> list[Array]:
        grad = torch_modules.torch().autograd.grad
        leaves = {
            name: t.detach().clone().requires_grad_(True)
            for name, t in (self.tensors if tensors is None else tensors).items()
        }
        count = len(range(self.count)[outputs])
        rows = [np.zeros((len(samples), count, leaf.numel())) for leaf in leaves.values()]
        for index in range(len(samples)):
            values = self.function(leaves, samples[[index]]).reshape(-1)[outputs]
            for k in range(count if values.requires_grad else 0):
                slopes = grad(values[k], leaves.values(), retain_graph=True, allow_unused=True)
                for row, slope in zip(rows, slopes, strict=True):
                    if slope is not None:
                        row[index, k] = slope.reshape(-1).numpy()
        return rows

    def _adds_up(self, rows: list[Array], samples: Any, outputs: slice) -> bool:
        """Say whether a random sum of the rows is the gradient of that sum of the batch."""
        torch = torch_modules.torch()
        leaves = {k: t.detach().clone().requires_grad_(True) for k, t in self.tensors.items()}
        values = self.function(leaves, samples).reshape(len(samples), -1)[:, outputs]
        if not values.requires_grad:
            return not any(row.any() for row in rows)
        weights = torch.randn(values.shape, generator=torch.Generator().manual_seed(1))
        slopes = torch.autograd.grad(
            (weights.double() * values).sum(), leaves.values(), allow_unused=True
        )
        flat = weights.double().numpy().reshape(-1)
        for row, slope in zip(rows, slopes, strict=True):
            matrix = row.reshape(flat.size, -1)
            wanted = 0.0 if slope is None else slope.reshape(-1).numpy()
            size = np.abs(flat) @ np.sqrt(np.einsum("ij,ij->i", matrix, matrix))
            if not np.abs(flat @ matrix - wanted).max() <= ALONE * size:
                return False
        return True

    def _attempted(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a call returns, or None if the module cannot be called in this way."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that vmap is slow for an operation
                return call(*arguments)
        except Exception:  # whatever a module raises: another way of calling it is tried then
            return None
