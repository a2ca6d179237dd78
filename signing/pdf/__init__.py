"""PDF signatures: PAdES and adbe.pkcs7.detached read into facts, P-PDF-B and P-PDF-T made."""

from signing.pdf.reading import read_pdf, revision_bytes

__all__ = ["read_pdf", "revision_bytes"]
