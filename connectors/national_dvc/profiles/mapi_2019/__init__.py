"""Profile `mapi-2019` of the National Public Service Portal (national-portal facts, section 0.1)."""
