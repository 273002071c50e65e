"""The whole lifecycle without Airflow: the same stages in the order of the DAGs, replayed under policies."""
