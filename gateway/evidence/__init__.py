"""Evidence: what an auditor can check years later without trusting us."""
