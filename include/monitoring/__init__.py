"""Watching a partition after scoring: drift, performance, and whether to retrain."""
