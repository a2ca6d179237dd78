"""KeyPay v3 for the national portal, with its pay-later variant (payment facts 3.2)."""
