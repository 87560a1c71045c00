"""Names for the array types in signatures."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "ArrayLike", "Indices", "Mask"]

#: A float64 array; its shape stands in the docstring.
Array: TypeAlias = NDArray[np.float64]
#: An integer array of indices.
Indices: TypeAlias = NDArray[np.intp]
#: A boolean array.
Mask: TypeAlias = NDArray[np.bool_]
#: Whatever ``numpy.asarray`` takes.
ArrayLike: TypeAlias = Any
