"""
A coefficient that enters and leaves again
==========================================

Text.
"""

import saddles

X, y = [[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]], [1.0, 0.0]
path = saddles.pesme_flammarion(X, y)
flow = saddles.flow.diagonal(X, y, log_alpha=-1e4)
figure = saddles.compare(path, flow).plot()
