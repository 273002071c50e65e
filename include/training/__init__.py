"""Training of a candidate on what was knowable at its as-of."""
