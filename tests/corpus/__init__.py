"""Broken batches, each with the verdict and the words that it must get; see `python -m tests.corpus`."""
