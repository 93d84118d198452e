"""Finding people, one person's page, and what staff do there."""
