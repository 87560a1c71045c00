"""Names for the array types in signatures."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "ArrayLike", "Indices"]

#: A float64 array; its shape stands in the docstring.
Array: TypeAlias = NDArray[np.float64]
#: An integer array of indices.
Indices: TypeAlias = NDArray[np.intp]
#: Whatever ``numpy.asarray`` takes.
ArrayLike: TypeAlias = Any
