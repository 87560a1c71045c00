"""
Modular addition, frequency by frequency
========================================

A quadratic network learns a + b mod p. Which frequency of its encoding does it learn first, which
loss is left after each frequency, and how far can I trust the prediction?
"""

# %%
# The encoding decides
# --------------------
#
# The number a is encoded by a template x, shifted by a. This template has two frequencies, and the
# first has four times the power of the second. The losses on the plateaus follow in closed form:

import numpy as np

import saddles

spectrum = np.zeros(6)
spectrum[[1, 2]] = 10.0, 5.0
network = saddles.agf.ModularAddition(np.fft.irfft(spectrum, 11))
network.frequencies, network.plateaus.round(3)

# %%
# A one-hot encoding has the same power at every frequency. Its frequencies tie, so there is no
# clean staircase:

one_hot = np.eye(11)[0]
saddles.agf.ModularAddition(one_hot - one_hot.mean()).ties

# %%
# The path of fourteen random neurons
# -----------------------------------
#
# Dormant neurons turn into cosine waves of one frequency. Neurons of the strongest frequency become
# active first, and several of them together remove this frequency from the residual.

path = saddles.agf.modular_addition(network, width=14, seed=0)
figure = network.plot(path)
figure

# %%
# The grey levels are the closed form. The path reaches each of them, through smaller steps in
# between.
#
# Are the phases those of the theorem?
# ------------------------------------
#
# By Theorem 6.2 the neuron of largest utility has s_u + s_v = s_w + s_x. Below are the frequency
# of each neuron, and the difference of the two sides. For the first neuron it is zero to rounding.
# For later neurons it need not be, since earlier ones have changed the residual.

modes = network.modes(np.vstack(path.directions[1:]))
print(modes.frequency, abs(modes.mismatch).round(3))

# %%
# How far can I trust it?
# -----------------------
#
# With two to five neurons of a frequency, the loss has an infimum that no finite network attains.
# Their norms grow without bound, and the saddle is "at infinity". Jump times after such a saddle
# are uncertain. The certificate marks these saddles, and has a relative error bar for each jump
# time:

path.certificates.at_infinity, path.certificates.time_error.round(3)

# %%
# To compare with an experiment at α = 1e-2, pass ``log_alpha=np.log(1e-2)``. In the comparison
# tables the plateaus and the order of frequencies then agree with the flow. Single jump times were
# wrong by up to a factor of three.

path.status
