"""
The diabetes study, compared with the lasso
===========================================

How does stopping at a saddle differ from the lasso? The data are those on which least angle
regression was introduced: 442 patients, 10 features. Both paths start from zero and end at the
least-squares solution, and their first features are the same. A saddle is the least-squares fit on
its features. The lasso shrinks its coefficients, so with the same number of features it explains
less.

Try it: multiply one column of X by 10. The path depends on units, as the lasso does.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import lars_path

import saddles

data = load_diabetes()
X, y = data.data, data.target - data.target.mean()

path = saddles.pesme_flammarion(X, y)
_, _, lasso = lars_path(X, y, method="lasso")


def explained(coefficients):
    """Return the number of features and the share of the variance that they explain."""
    residuals = y[:, None] - X @ coefficients
    return (coefficients != 0).sum(axis=0), 1 - (residuals**2).sum(axis=0) / (y @ y)


figure, axis = plt.subplots(layout="constrained")
axis.plot(*explained(path.betas.T), "o-", label="saddle path")
axis.plot(*explained(lasso), "s--", label="lasso, at its knots")
axis.set(xlabel="features that are not zero", ylabel="share of variance explained")
axis.legend(frameon=False)

# %%
# The order in which features enter and leave:

names = np.array(data.feature_names)
for saddle in path:
    left = f", {' '.join(names[saddle.left])} leaves" if len(saddle.left) else ""
    print(f"{saddle.time:9.3f}  {' '.join(names[saddle.entered])}{left}")
