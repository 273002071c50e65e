"""The command line and a running Airflow. A package, so that its one Airflow ends with its last test."""
