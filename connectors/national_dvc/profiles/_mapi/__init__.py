"""What every `mapi` generation of the portal says alike: parts of messages, answers, dates, rows and rules."""
