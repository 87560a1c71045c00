"""
The staircase of my data
========================

I have a table of numbers. Which features does a diagonal network learn first, when, and which
does it drop again? This lesson answers these questions for 442 diabetes patients with ten features.
Replace X and y by your own.
"""

# %%
# The data
# --------
#
# Centre the columns and the target, since the network has no constant term. Scale the columns if
# their units are arbitrary, since larger columns are learnt earlier.

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
# No training is needed. Each line below is a saddle: the time at which it is reached, and the
# features that enter and leave there.

path = saddles.pesme_flammarion(X, y)
for saddle in list(path)[1:]:
    left = f"   {' '.join(names[saddle.left])} leaves" if len(saddle.left) else ""
    print(f"{saddle.time:9.3f}   {' '.join(names[saddle.entered]):4}{left}")

# %%
# Times are in units of log(1/α), so their ratios are the same for every small initial scale α. The
# last jumps come very late. Gradient descent that is stopped early does not make them. Here are the
# times of gradient flow at the first saddles, for α = 1e-4:

path.physical_times(np.log(1e-4))[:4].round(3)

# %%
# Can I trust it?
# ---------------
#
# Every saddle carries a certificate, computed from the data. Its margin says by how much later the
# next candidate would have entered, relative to the wait. A margin near zero means that two
# features are almost tied, and that noise in the data could swap them. Look at the seventh margin:
# s1 was ahead by only 0.4 per cent.

path.certificates.worst < 1e-10, path.certificates.margin[1:].round(3).tolist()

# %%
# The picture
# -----------
#
# The loss falls at every jump, and coefficients are constant between jumps. Gradient flow at
# α = e⁻¹⁰⁰⁰⁰ (colours) should lie on the prediction (dashed).

flow = saddles.flow.diagonal(X, y, log_alpha=-1e4)
figure = saddles.compare(path, flow).plot(names=names.tolist())
figure

# %%
# What next?
# ----------
#
# - From the shell: ``saddles path data.csv --target y --standardize --plot staircase.svg`` does
#   the same for a CSV file.
# - After which jump should training stop? ``saddles.estimators.SaddlePathCV`` chooses it by
#   cross-validation.
# - If two features are copies of each other, coefficients are not unique:
#   ``path.certificates.unique`` says where.
