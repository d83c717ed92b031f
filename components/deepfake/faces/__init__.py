"""Faces: finding, following and aligning them."""
