"""How often the rules of Airlock decide wrongly."""
