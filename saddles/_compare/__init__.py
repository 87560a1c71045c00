"""Predicted paths compared with paths, flows and training runs.

Read `comparison` first: it measures how a path differs from another path, a flow or a run.
`recorder` keeps the log of a training loop and reads logs from files. `training_run` puts such a
log into the package's units and compares it with a path.
"""
