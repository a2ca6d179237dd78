"""The dialects of carriers, a folder each; `PROFILE` in its package is all that the rest of the connector knows of one."""
