"""The command line tools of Airlock."""
