"""Receipts: electronic receipts (biên lai điện tử) for phí and lệ phí, issued once each. See README.md."""
