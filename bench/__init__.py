"""Measurements: each module prints a table and writes `bench/out/<name>.json`."""
