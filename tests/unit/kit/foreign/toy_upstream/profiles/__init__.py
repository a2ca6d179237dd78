"""Dialects of the toy upstream."""
