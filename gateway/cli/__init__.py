"""The command line: one file a command, Vietnamese for people, `--json` for programs."""
