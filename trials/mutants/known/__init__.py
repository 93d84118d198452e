"""The mistakes themselves, by what they are planted in."""
