"""Where pickles of version 0.1 look for losses of matrices: `saddles.losses`."""

from saddles._matrix.losses import FullMatrix, MatrixCompletion, MatrixLoss, MatrixSensing

__all__ = ["FullMatrix", "MatrixCompletion", "MatrixLoss", "MatrixSensing"]
