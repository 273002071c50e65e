"""Promotion of a candidate to champion: the only way to move that alias."""
