"""Bưu chính công ích: dossiers collected and results delivered by post, one ledger for every carrier."""
