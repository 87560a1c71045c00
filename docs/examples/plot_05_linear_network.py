"""
A linear network learns what correlates most
============================================

Which mode is learnt first: the one that explains most of the variance, or the one that correlates
most with its input? Two inputs have variances 1 and 3, and there are two outputs. The first mode
explains more variance, 4 against 3. If it were learnt first, the loss would fall from 3.5 to 1.5.
The second mode correlates more strongly with its input, 3 against 2, and its clock rings first.
Gradient flow agrees with the clocks: after the first jump the loss is 2, not 1.5.

Try it: set the gains to 2 and 0.5. Both orders are then the same.
"""

import numpy as np

import saddles

gains, variances = np.array([2.0, 1.0]), np.array([1.0, 3.0])
sigma_xx = np.diag(variances)
sigma_yx = np.diag(gains * variances)

path = saddles.agf.linear(sigma_xx, sigma_yx)
flow = saddles.flow.linear(sigma_xx, sigma_yx, log_alpha=-500, until=0.7)

figure = saddles.compare(path, flow).plot()
figure
