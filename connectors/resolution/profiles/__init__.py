"""One folder for each dialect of the upstream: messages, mapping, outcomes, examples."""
