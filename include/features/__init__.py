"""Features: one definition each, checked, and published per partition together with the labels."""
