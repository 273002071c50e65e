"""What connects the library to Airflow: operators, the declaration of DAGs, pages in the UI."""
