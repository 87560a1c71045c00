"""Saddle-to-saddle learning dynamics: predicted staircases and the flows they describe."""
