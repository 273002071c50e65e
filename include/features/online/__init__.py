"""Features of one request: the values that the batch build would give, from a state kept for quick reading."""
