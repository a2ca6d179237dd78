"""Placeholder docstring: see README.md in this folder."""
