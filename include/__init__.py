"""The library of Airlock: everything but Airflow. It runs in a notebook, a test or a script."""
