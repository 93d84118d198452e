"""What the house keeps about people, for how long, and how it lets go of it."""
