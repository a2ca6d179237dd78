"""The store of record: what was accepted, what is under way, what happened; one protocol, several drivers."""
