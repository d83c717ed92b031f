"""Readers of the formats in which image-text pairs are handed around."""
