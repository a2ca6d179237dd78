"""Certificates judged: a path within bounds, its constraints, strength, validity, status and usage at the proven time."""

from signing.chain.verdict import judge_certificate

__all__ = ["judge_certificate"]
