"""Scikit-learn estimators on saddle paths (extra ``sklearn``); names load when first used.

A saddle path, stopped at a jump, is a sparse linear model whose coefficients are not shrunk.
``SaddlePathRegressor`` stops at a given jump, ``SaddlePathCV`` at the jump that cross-validation
chooses. Both are ordinary scikit-learn regressors: pipelines, grid search, data frames.

Read `_model` first, what both share, then `_regressor` and `_cross_validation`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._tools.lazy import lazily

if TYPE_CHECKING:
    from saddles.estimators._cross_validation import SaddlePathCV
    from saddles.estimators._regressor import SaddlePathRegressor

#: Public name -> the module that holds it.
_HOMES = {
    "SaddlePathCV": "saddles.estimators._cross_validation",
    "SaddlePathRegressor": "saddles.estimators._regressor",
}

__all__ = ["SaddlePathCV", "SaddlePathRegressor"]

__getattr__, __dir__ = lazily(__name__, _HOMES)
