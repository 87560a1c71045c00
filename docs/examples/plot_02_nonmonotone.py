"""
A coefficient that enters and leaves again
==========================================

Do features, once learnt, stay? Not always. In this published example with two samples and four
features (arXiv:2607.12332) coefficient 0 is learnt first, and is exactly zero again from the
second jump on: coefficient 2 explains the same, and better.

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
# Which coefficients enter and leave, when, and the certificate of every saddle:

path.to_frame()
