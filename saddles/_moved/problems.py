"""Where pickles of version 0.1 look for regression data: `saddles.problems`."""

from saddles._problems.regression import Regression

__all__ = ["Regression"]
