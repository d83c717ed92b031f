"""Pipelines: the DAGs, their runners and the `kalemint` command."""
