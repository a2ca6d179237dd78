"""Profile `push-v1`: signed pushes to the resolution system in the Standard Webhooks shape."""
