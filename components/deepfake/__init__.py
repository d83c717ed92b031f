"""Deepfake detection: media, faces, forgeries, detectors, benchmark and screening."""
