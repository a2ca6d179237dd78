"""Signatures at work: workers that read strangers' files, status and stamps fetched, results judged, our own signatures made."""
