"""
Modular addition, frequency by frequency
========================================

A quadratic network learns a + b mod p. Which frequency of its encoding does it learn first, what
is left after each, and how far can the prediction be trusted?
"""

# %%
# The encoding decides
# --------------------
#
# The number a is encoded by a template x, shifted by a. Here its power sits at two frequencies,
# the first four times as strong as the second. The levels of the loss follow in closed form.

import numpy as np

import saddles

spectrum = np.zeros(6)
spectrum[[1, 2]] = 10.0, 5.0
network = saddles.agf.ModularAddition(np.fft.irfft(spectrum, 11))
network.frequencies, network.plateaus.round(3)

# %%
# A one-hot encoding has the same power everywhere. Its frequencies tie, so no staircase is to be
# expected:

one_hot = np.eye(11)[0]
saddles.agf.ModularAddition(one_hot - one_hot.mean()).ties

# %%
# The path of fourteen random neurons
# -----------------------------------
#
# Dormant neurons turn into cosine waves of one frequency. Neurons of the strongest frequency
# activate first. Several of them remove it together.

path = saddles.agf.modular_addition(network, width=14, seed=0)
figure = network.plot(path)
figure

# %%
# The grey levels are the closed form. The path visits each of them, through smaller steps in
# between.
#
# How well do the phases fit?
# ---------------------------
#
# Theorem 6.2 says that s_u + s_v = s_w + s_x for the neuron of largest utility. For the first
# neuron this holds to rounding. Later neurons see a residual that earlier ones have changed.

modes = network.modes(np.vstack(path.directions[1:]))
print(modes.frequency, abs(modes.mismatch).round(3))

# %%
# How far can I trust it?
# -----------------------
#
# Two to five neurons of a frequency leave an infimum that no finite network attains: their norms
# grow without bound. Jump times after such a saddle are uncertain. The certificate marks these
# saddles, and has an error bar for each jump time, relative to it:

path.certificates.at_infinity, path.certificates.time_error.round(3)

# %%
# For an experiment at α = 1e-2, pass ``log_alpha=np.log(1e-2)``. Levels and the order of
# frequencies then agree with the flow in the cases of the comparison tables. Single jump times
# may be wrong by a factor of three.

path.status
