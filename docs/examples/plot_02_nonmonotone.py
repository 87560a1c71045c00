"""
A coefficient that enters and leaves again
==========================================

A published example with two samples and four features (arXiv:2607.12332). Coefficient 0 is learnt
first, and is exactly zero again from the second jump on: what it explained, coefficient 2 explains
better. A saddle path is not a path of growing supports.
"""

import saddles

X = [[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]]
y = [1.0, 0.0]

path = saddles.pesme_flammarion(X, y)
flow = saddles.flow.diagonal(X, y, log_alpha=-1e4)

figure = saddles.compare(path, flow).plot()
figure

# %%
# Which coefficients enter and leave, when, and the certificate of every saddle:

path.to_frame()
