"""A connector of another distribution: a lending library of toys, with every capability that a connector can bring."""
