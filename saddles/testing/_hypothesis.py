"""Hypothesis, or how to get it."""

from __future__ import annotations

__all__: list[str] = []

try:
    import hypothesis  # noqa: F401
except ImportError as error:
    raise ImportError(
        "saddles.testing draws its problems with hypothesis: pip install 'saddles[testing]'"
    ) from error
