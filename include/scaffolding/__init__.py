"""From data that a person has to a first declaration of a use case that passes on them."""
