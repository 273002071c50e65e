"""Shared mathematics: values in, numbers out. No files, no clock, no Airflow."""
