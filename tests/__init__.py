"""Tests of saddles; see README.md in this folder for where each kind lives."""
