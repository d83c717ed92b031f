"""Publish: the released dataset, its data card, its Croissant metadata and the run's report."""
