"""Scikit-learn estimators on saddle paths (extra ``sklearn``); names load when first used.

A saddle path, stopped at a jump, is a sparse linear model whose coefficients are not shrunk.
``SaddlePathRegressor`` stops at a given jump, ``SaddlePathCV`` at the jump that cross-validation
chooses. `AGFRegressor` and `AGFClassifier` grow a small network neuron by neuron (`saddles.optim`).
All are ordinary scikit-learn estimators: pipelines, grid search, data frames.

Read `_model` first, what the first two share, then `_regressor` and `_cross_validation`. `_grown`
has the networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._tools.lazy import lazily

if TYPE_CHECKING:
    from saddles.estimators._cross_validation import SaddlePathCV
    from saddles.estimators._grown import AGFClassifier, AGFRegressor
    from saddles.estimators._regressor import SaddlePathRegressor

#: Public name -> the module that holds it.
_HOMES = {
    "AGFClassifier": "saddles.estimators._grown",
    "AGFRegressor": "saddles.estimators._grown",
    "SaddlePathCV": "saddles.estimators._cross_validation",
    "SaddlePathRegressor": "saddles.estimators._regressor",
}

__all__ = ["AGFClassifier", "AGFRegressor", "SaddlePathCV", "SaddlePathRegressor"]

__getattr__, __dir__ = lazily(__name__, _HOMES)
