"""The neural tangent kernel, entry by entry, and the alignment of two kernels, by definition.

Jacot, Gabriel and Hongler (2018, arXiv:1806.07572): Θ(x, x') = Σ_k <∇f_k(x), ∇f_k(x')>. Cortes,
Mohri and Rostamizadeh (2012, arXiv:1203.0550), definition 4: the alignment of centred kernels.

===========  ================================================
code         symbol
===========  ================================================
``slopes``   ∇_θ f_k(x), one sample and output after the other
``H``        I − 11ᵀ/n
===========  ================================================
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def tangent_kernel(module: Any, inputs: Any) -> Floats:
    """Return Θ (n, n) of a float64 module at tensors (n, ...), by one backward pass per entry."""
    slopes = []
    for sample in inputs:
        outputs = module(sample[None]).reshape(-1)
        rows = []
        for k in range(len(outputs)):
            module.zero_grad()
            module(sample[None]).reshape(-1)[k].backward()
            found = [w.grad for w in module.parameters() if w.grad is not None]
            rows.append(np.concatenate([slope.numpy().ravel() for slope in found]))
        slopes.append(rows)
    n = len(slopes)
    kernel = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            kernel[i, j] = sum(a @ b for a, b in zip(slopes[i], slopes[j], strict=True))
    return kernel


def centred_alignment(K: Floats, L: Floats) -> float:
    """Return <HKH, HLH> / (|HKH| |HLH|)."""
    n = len(K)
    H = np.eye(n) - np.ones((n, n)) / n
    first, second = H @ K @ H, H @ L @ H
    return float(
        np.trace(first @ second) / np.sqrt(np.trace(first @ first) * np.trace(second @ second))
    )
