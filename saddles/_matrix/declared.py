"""What a matrix loss declares, asked once: a record in which what it lacks is None.

Whoever takes a loss from outside makes one of these; what works with losses inside takes these, and
asks no object what it has. `saddles._matrix.losses` says what the members are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from saddles import checks
from saddles.typing import Array

__all__ = ["DeclaredLoss"]


@dataclass(frozen=True, eq=False)
class DeclaredLoss:
    """A matrix loss with all that losses may offer: what it does not is None, or False."""

    size: int
    value: Callable[[Array], float]
    gradient: Callable[[Array], Array]
    hessian_product: Callable[[Array, Array], Array] | None = None
    at_factor: Callable[[Array], tuple[float, Any]] | None = None
    along_factor: Callable[[Array, Array], Any] | None = None
    takes_stacks: bool = False

    @classmethod
    def of(cls, loss: Any) -> DeclaredLoss:
        """Return what a loss declares.

        Raises
        ------
        TypeError, ValueError
            If it lacks what every loss must offer, offers something that cannot be called, or one
            of two methods that only serve together.
        """
        if isinstance(loss, cls):
            return loss
        missing = [name for name in ("size", *_METHODS) if getattr(loss, name, None) is None]
        if missing:
            raise TypeError(
                f"loss={checks.show(loss)} has no {', no '.join(missing)}; a loss needs size, "
                "value(W) and gradient(W): see saddles.MatrixLoss, or use saddles.MatrixCompletion."
            )
        methods = {name: getattr(loss, name, None) for name in (*_METHODS, *_OPTIONAL)}
        for name, method in methods.items():
            if method is not None and not callable(method):
                raise TypeError(
                    f"loss.{name}={checks.show(method)} must be a method; see saddles.MatrixLoss "
                    "for what it takes and returns."
                )
        if (methods["at_factor"] is None) != (methods["along_factor"] is None):
            raise TypeError(
                f"loss={checks.show(loss)} offers one of at_factor and along_factor; they serve "
                "together only: offer both, or neither."
            )
        size = checks.whole_number(loss.size, "loss.size", least=1)
        stacks = bool(getattr(loss, "takes_stacks", False))
        return cls(size=size, takes_stacks=stacks, **methods)  # type: ignore[arg-type]


_METHODS = ("value", "gradient")
_OPTIONAL = ("hessian_product", "at_factor", "along_factor")
