"""Alternating gradient flow of any smooth homogeneous network, however deep: clocks by degree.

Read `network` first, the public function; `steps` is the algorithm, `whole` the network with its
derivatives of any order, `descent` takes the active weights to the next saddle.
"""
