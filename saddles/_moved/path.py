"""Where pickles of version 0.1 look for paths: `saddles.path`."""

from saddles._result.path import Saddle, SaddlePath

__all__ = ["Saddle", "SaddlePath"]
