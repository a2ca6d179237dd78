"""Canonical words, code tables and pure translation. Uses nothing of ours and touches no network, disk queue or clock."""
