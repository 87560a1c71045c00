"""Modules under the names that they had in version 0.1, where pickled paths look for their classes.

`saddles` adds this folder to its `__path__`, so that each costs nothing until a pickle asks for it.
"""
