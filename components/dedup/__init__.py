"""Dedup: exact and near-duplicate text, exact images."""
