"""
Stopping at a saddle as sparse regression
=========================================

Is a saddle a good sparse model? ``SaddlePathCV`` is a scikit-learn regressor that stops at the jump
which cross-validation chooses. Here 8 of 200 features are relevant, and there are 100 noisy
samples. Compared with the lasso, the saddle path selects fewer irrelevant features, and does not
shrink the relevant ones.

Try it: multiply the noise by 3, and see which relevant features are no longer found.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LassoLarsCV

from saddles.estimators import SaddlePathCV

rng = np.random.default_rng(0)
X = rng.normal(size=(100, 200))
truth = np.zeros(200)
truth[:8] = [3, -3, 2, -2, 1.5, -1.5, 1, -1]
y = X @ truth + rng.normal(size=100)

figure, axis = plt.subplots(layout="constrained")
axis.plot(truth[:8], "k_", markersize=18, label="truth")
for model, marker in ((SaddlePathCV(cv=10), "o"), (LassoLarsCV(cv=10), "s")):
    model.fit(X, y)
    kept = np.flatnonzero(model.coef_)
    label = f"{type(model).__name__}: {(kept < 8).sum()} of 8, and {(kept >= 8).sum()} others"
    axis.plot(kept, model.coef_[kept], marker, markerfacecolor="none", label=label)
axis.set_xscale("symlog", linthresh=8)
axis.set_xticks(
    [0, 2, 4, 6, 20, 50, 100, 200], labels=["0", "2", "4", "6", "20", "50", "100", "200"]
)
axis.set(xlabel="feature", ylabel="coefficient")
axis.legend(frameon=False)
