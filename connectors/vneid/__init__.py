"""Định danh: sign-on through CDVCQG or VNeID, and questions to the population database. See README.md."""
