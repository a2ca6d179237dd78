"""A connector of another distribution: small, complete, and able to misbehave on request."""
