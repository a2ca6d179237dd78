"""The published interface: its description in OpenAPI 3.1, its schemas, and the page on which people read both."""
