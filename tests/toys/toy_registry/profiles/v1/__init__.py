"""Dialects of the toy library."""
