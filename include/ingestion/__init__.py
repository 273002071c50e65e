"""From a landed file to a published batch, or to a refusal with its evidence."""
