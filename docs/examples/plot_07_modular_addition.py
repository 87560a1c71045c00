"""
Modular addition, frequency by frequency
========================================

Which frequency of an encoding is learnt first? Quadratic neurons (u·x_a + v·x_b)² w learn a + b
mod 11 from an encoding with power at the frequencies 1 and 2. Dormant neurons turn into
cosine waves. Those of the strongest frequency become active first, and several of them together
remove this frequency from the residual. The grey levels are the power of the frequencies that are
not yet learnt, in closed form. The path reaches each of them, through smaller steps in between. The
loss approaches the last level, zero, ever more slowly.

Try it: make both frequencies equally strong. The initial directions then decide which one is first.
"""

import numpy as np

import saddles

spectrum = np.zeros(6)
spectrum[[1, 2]] = 10.0, 5.0
network = saddles.agf.ModularAddition(np.fft.irfft(spectrum, 11))

path = saddles.agf.modular_addition(network, width=14, seed=0)

figure = network.plot(path)
figure

# %%
# Here are the frequencies of the neurons, in the order in which they become active. By Theorem 6.2
# the phases of the first neuron obey s_u + s_v = s_w + s_x. The second number is the difference:

modes = network.modes(np.vstack(path.directions[1:]))
print(modes.frequency, f"{abs(modes.mismatch[0]):.1e}")
