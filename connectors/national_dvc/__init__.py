"""Cổng Dịch vụ công quốc gia: dossier and status sync with the National Public Service Portal. See README.md."""
