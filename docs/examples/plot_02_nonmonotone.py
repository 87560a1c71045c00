"""
A coefficient that enters and leaves again
==========================================

Does a feature stay once it is learnt? Not always. In this published example with two samples and
four features (arXiv:2607.12332) coefficient 0 is learnt first. From the second jump on it is
exactly zero again, because coefficient 2 explains the same part of the targets, and better.

Try it: change the 0.7 of the first row to 0.4. Coefficient 0 then stays.
"""

import saddles

X = [[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]]
y = [1.0, 0.0]

path = saddles.pesme_flammarion(X, y)
flow = saddles.flow.diagonal(X, y, log_alpha=-1e4)

figure = saddles.compare(path, flow).plot()
figure

# %%
# The table has one row per saddle: its time, the coefficients that enter and leave, and its
# certificate.

path.to_frame()
