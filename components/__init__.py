"""kalemint's component families: one folder each, all of them resting on `components.core`."""

__version__ = "0.1.0"
