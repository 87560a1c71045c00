"""
A staircase, and the flow that climbs down it
=============================================

Does training really fall in steps, and does the prediction know where? Ten features, thirty
samples, a diagonal network β = u ⊙ v. The dashed steps are the prediction of `Pesme and
Flammarion <../algorithms/pesme_flammarion.html>`__, computed in a millisecond without any
training. The colours are gradient flow from an initialisation of size e⁻¹⁰⁰⁰⁰: they should lie on
the dashes.

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
# The comparison is also a number: the worst of all relative errors of jump times, and of the
# coefficients on the plateaus.

saddles.compare(path, flow)
