"""Training of detectors: networks on crops with torch, linear models on features with scikit-learn."""
