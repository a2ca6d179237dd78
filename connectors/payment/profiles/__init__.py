"""The dialects of the intermediaries, one folder each."""
