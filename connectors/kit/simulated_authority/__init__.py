"""A witness: certificates from a declaration, CRLs, OCSP responses and time stamps, and servers that hand them out.

It writes its own DER and imports nothing from `signing`, so that it cannot repeat a mistake of the reader that it tests.
For tests and demonstrations only: its keys lie open, and nothing here keeps them safe.
"""
