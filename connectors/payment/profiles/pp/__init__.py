"""PP, the payment platform of the national portal, protocol 1.0.6 (payment facts 3.1)."""
