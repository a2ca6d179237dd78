"""What the gateway remembers besides the journal: snapshots and the course of each dossier (record kinds)."""
