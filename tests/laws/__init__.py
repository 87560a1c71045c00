"""One contract for every algorithm."""
