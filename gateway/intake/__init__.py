"""The way in: authenticate, validate, map, journal, answer."""
