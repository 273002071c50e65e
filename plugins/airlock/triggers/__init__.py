"""Triggers: what is waited for without holding a task slot."""
