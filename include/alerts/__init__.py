"""What people are told of decisions: once, with a remedy, and again only when it stands or is over."""
