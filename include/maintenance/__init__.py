"""Keeping the records straight and the tables small."""
