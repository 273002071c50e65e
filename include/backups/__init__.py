"""Copies of all records of an installation, and the proof that a restored copy holds."""
