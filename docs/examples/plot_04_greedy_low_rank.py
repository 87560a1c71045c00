"""
Matrix completion, rank by rank
===============================

Does gradient flow fill in the hidden entries of a matrix of low rank? This symmetric 6 × 6 matrix
has rank 3, and four of its entries are hidden. The flow U' = −∇f(UUᵀ)U from a tiny U adds one rank
at a time. The colours are the loss and the singular values of W = UUᵀ at an initial scale of
e⁻²⁰⁰⁰. They lie on the prediction (dashed).

Try it: hide more entries. If too many are hidden, they are not recovered.
"""

import numpy as np

import saddles

rng = np.random.default_rng(3)
U = np.linalg.qr(rng.normal(size=(6, 3)))[0] * np.sqrt([4.0, 3.0, 2.0])
mask = np.ones((6, 6), dtype=bool)
mask[[0, 3, 1, 4], [3, 0, 4, 1]] = False

loss = saddles.MatrixCompletion(U @ U.T, mask)
path = saddles.greedy_low_rank(loss)
flow = saddles.flow.matrix(loss, log_alpha=-2000, until=1.3 * path.times[-1])

figure = saddles.compare(path, flow).plot()
figure

# %%
# The hidden entries are recovered. This is the largest error of all entries, rounded to nine
# digits:

float(np.abs(path.betas[-1] - U @ U.T).max().round(9))
