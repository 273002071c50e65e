"""`make demo`: weeks of 2013, replayed through Airflow's REST API."""
