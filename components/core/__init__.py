"""What every family shares: records, stages, the runner, the store, the ledger, reports."""
