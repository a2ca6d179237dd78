"""Sign, verify and judge digital signatures. Its content arrives with the signing work; the storey stands already."""
