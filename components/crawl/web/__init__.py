"""A polite crawler: what to fetch, from whom, and what may not be fetched."""
