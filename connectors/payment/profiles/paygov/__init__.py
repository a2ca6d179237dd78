"""PayGov through an LGSP (payment facts 3.4)."""
