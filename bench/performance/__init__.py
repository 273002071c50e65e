"""What Airlock costs."""
