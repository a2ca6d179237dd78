"""The way out: lanes are claimed, deliveries sent once, outcomes settled; waiting is state of the journal, never of memory."""
