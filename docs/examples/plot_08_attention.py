"""
Linear attention learns principal components
============================================

In which order does attention learn the directions of its inputs? One layer of linear attention
learns linear regression in context. Its four inputs have variances proportional to 1/i, and
contexts have 32 pairs. Each jump adds one principal component of the inputs, the largest first. The
losses on the plateaus are known in closed form (dotted), and the path should touch each of them.
The time at which a head becomes active depends on where it started.

Try it: change ``seed``. Times change, levels do not.
"""

import numpy as np

import saddles

variances = 1 / np.arange(1, 5)
covariance = np.diag(2 * variances / variances.sum())

modes = saddles.agf.attention_modes(covariance, 32)
path = saddles.agf.attention(covariance, 32, heads=5, seed=0)

figure = path.plot()
figure.axes[1].set_xlabel("scaled time t α")
for level in modes.losses:
    figure.axes[0].axhline(level, color="0.5", linestyle=":", linewidth=1)
figure
