"""Where pickles of version 0.1 look for paths of neurons: `saddles.agf._homogeneous_task`."""

from saddles.agf._engine.setting import NeuronPath

__all__ = ["NeuronPath"]
