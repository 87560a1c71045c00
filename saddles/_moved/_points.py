"""Where pickles of version 0.1 look for points of low rank: `saddles._points`."""

from saddles._result.points import LowRank

__all__ = ["LowRank"]
