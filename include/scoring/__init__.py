"""Batch scoring with the champion of the data date."""
