"""
A staircase, and the flow that climbs down it
=============================================

Does the loss really fall in steps, and are the steps where theory predicts them? A diagonal network
β = u ⊙ v learns thirty samples of ten features. The dashed steps are the prediction of `Pesme and
Flammarion <../algorithms/pesme_flammarion.html>`__, computed in a millisecond without any
training. The colours are gradient flow from weights of size e⁻¹⁰⁰⁰⁰. They should lie on the dashed
steps.

Try it: set ``log_alpha=-20``. Neighbouring jumps then run into each other.
"""

import numpy as np

import saddles

rng = np.random.default_rng(1)
X = rng.normal(size=(30, 10))
y = X @ rng.normal(size=10) + 0.5 * rng.normal(size=30)

path = saddles.pesme_flammarion(X, y)
flow = saddles.flow.diagonal(X, y, log_alpha=-1e4)

figure = saddles.compare(path, flow).plot()
figure

# %%
# In numbers: the largest relative error of the jump times, and of the coefficients on the plateaus.

saddles.compare(path, flow)
