"""Cryptographic Message Syntax and CAdES: read strictly, made quickly; the core serves files, PDF and time stamps."""
