"""One folder for each dialect of a receipt service."""
