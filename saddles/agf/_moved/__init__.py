"""As `saddles._moved`: modules of `saddles.agf` under the names that they had in version 0.1."""
