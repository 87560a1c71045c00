"""The commands of `saddles.cli`, one module each; they need typer and rich."""
