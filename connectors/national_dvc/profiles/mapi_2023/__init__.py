"""Profile `mapi-2023` of the National Public Service Portal (national-portal facts, section 0.1)."""
