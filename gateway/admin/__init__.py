"""Operators' commands over the Unix socket of the running gateway."""
