"""Filter: scores are stored on the document first; thresholds are applied in a later, cheap pass."""
