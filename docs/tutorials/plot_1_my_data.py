"""
The staircase of my data
========================

I have a table of numbers. Which features does a diagonal network learn first, when, and which
does it drop again? This lesson answers that for 442 diabetes patients with ten features. Put your
own X and y instead.
"""

# %%
# The data
# --------
#
# Centre the columns and the target, so that the network need not learn a constant. Scale the
# columns too, if their units are arbitrary: larger columns are learnt earlier.

import numpy as np
from sklearn.datasets import load_diabetes

import saddles

data = load_diabetes(scaled=False)
names = np.array(data.feature_names)
X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
y = data.target - data.target.mean()

# %%
# The path
# --------
#
# No training is needed. The path lists every saddle: when it is reached, and which features enter
# and leave.

path = saddles.pesme_flammarion(X, y)
for saddle in list(path)[1:]:
    left = f"   {' '.join(names[saddle.left])} leaves" if len(saddle.left) else ""
    print(f"{saddle.time:9.3f}   {' '.join(names[saddle.entered]):4}{left}")

# %%
# Read the times relative to each other. They are in units of log(1/α), so the second is reached
# at the same ratio for every small α. The last jumps come very late: gradient descent that is
# stopped early never makes them.

path.physical_times(np.log(1e-4))[:4].round(3)

# %%
# Whether to believe it
# ---------------------
#
# Every saddle carries a certificate, computed from the data. The margin says by how much the clock
# that rang led the next one. A margin near zero means that two features are almost tied, and that
# noise in the data could swap them. Look at the seventh one, where s1 leads by 0.4 per cent only.

path.certificates.worst < 1e-10, path.certificates.margin[1:].round(3).tolist()

# %%
# The picture
# -----------
#
# The loss falls at every jump. Coefficients are constant between jumps. Compare the gradient flow
# at α = e⁻¹⁰⁰⁰⁰ (colours) with the prediction (dashed): they should coincide.

flow = saddles.flow.diagonal(X, y, log_alpha=-1e4)
figure = saddles.compare(path, flow).plot(names=names.tolist())
figure

# %%
# What next?
# ----------
#
# - From the shell: ``saddles path data.csv --target y --standardize --plot staircase.svg`` does
#   the same for a CSV file.
# - Where should training stop? ``saddles.estimators.SaddlePathCV`` chooses the jump by
#   cross-validation.
# - If two features are copies of each other, look at ``path.certificates.unique``.
