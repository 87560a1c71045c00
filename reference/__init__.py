"""The oracles: slow, literal and independent transcriptions, to be read beside the papers."""
