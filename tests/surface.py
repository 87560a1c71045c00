"""The public surface, one line for each name that users may rely on; `python -m tests.surface`.

What is public is what `__all__` of the package, of its rooms and of `saddles.homogeneous` says; of
a class, what it has itself or inherits from another class of the package.
"""

import enum
import functools
import importlib
import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import saddles

__all__ = ["FILE", "public_functions", "surface"]

FILE = Path(__file__).with_name("public_surface.txt")

KINDS = (
    *(types.FunctionType, classmethod, staticmethod),
    *(property, functools.cached_property),
)


class Text(str):
    """An annotation as it is written in the source: its `repr` has no quotes."""

    __repr__ = str.__str__


def surface() -> list[str]:
    """Return the lines, sorted."""
    lines: list[str] = []
    first: dict[int, str] = {}
    for full, value in public():
        known = first.setdefault(id(value), full)
        lines += [f"{full} is {known}"] if known != full else said(full, value)
    return sorted(lines)


def public() -> Iterator[tuple[str, Any]]:
    """Yield every public name with what it means."""
    for room in ("saddles", *(f"saddles.{name}" for name in (*saddles._ROOMS, "homogeneous"))):
        home = importlib.import_module(room)
        for name in home.__all__:
            yield f"{room}.{name}", getattr(home, name)


def public_functions() -> dict[str, types.FunctionType]:
    """Return every public function, by its first name."""
    names = {value: full for full, value in reversed([*public()]) if inspect.isfunction(value)}
    return {full: function for function, full in names.items()}


def said(full: str, value: Any) -> Iterator[str]:
    """Yield what there is to say of one name."""
    if isinstance(value, type):
        yield f"{full}: class{constructor(value)}"
        for name, member in sorted(members(value).items()):
            yield f"{full}.{name}{member}"
    elif callable(value):
        yield f"{full}{signature(value)}"
    else:
        yield f"{full}: {type(value).__name__}"


def constructor(cls: type) -> str:
    """Return how a class is called, if that is the package's own doing."""
    ours = "__init__" in {name for base in inherited(cls) for name in vars(base)}
    machinery = issubclass(cls, enum.Enum) or getattr(cls, "_is_protocol", False)
    return signature(cls) if ours and not machinery else ""


def members(cls: type) -> dict[str, str]:
    """Return the public members of a class: name -> signature or type."""
    found = {}
    for base in reversed(inherited(cls)):
        found |= {name: f": {text}" for name, text in inspect.get_annotations(base).items()}
        for name, member in vars(base).items():
            if isinstance(member, KINDS):
                found[name] = described(member)
    found |= dict.fromkeys(getattr(cls, "__members__", ()), ": member")
    return {name: text for name, text in found.items() if not name.startswith("_")}


def inherited(cls: type) -> list[type]:
    """Return the class and those of its bases that are the package's."""
    return [base for base in cls.__mro__ if base.__module__.split(".")[0] == "saddles"]


def described(member: Any) -> str:
    """Return the signature of a method, or the type of a property."""
    if isinstance(member, types.FunctionType):
        return signature(member)
    if isinstance(member, classmethod | staticmethod):
        return f"{signature(member.__func__)} [{type(member).__name__}]"
    getter = member.fget if isinstance(member, property) else member.func
    return f": {inspect.signature(getter).return_annotation} [property]"


def signature(function: Any) -> str:
    """Return a signature with its annotations as they are in the source."""
    found = inspect.signature(function)
    parameters = [
        entry.replace(annotation=written(entry.annotation)) for entry in found.parameters.values()
    ]
    returned = written(found.return_annotation)
    return str(found.replace(parameters=parameters, return_annotation=returned))


def written(annotation: Any) -> Any:
    """Return an annotation as the source has it, also where Hypothesis has made an object of it."""
    if annotation is inspect.Signature.empty:
        return annotation
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return Text(re.sub(r"ForwardRef\('(.+)'\)|hypothesis\.strategies\.", r"\1", text))


if __name__ == "__main__":
    FILE.write_text("\n".join(surface()) + "\n", "utf-8")
