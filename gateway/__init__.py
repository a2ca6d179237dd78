"""The line of the ministry's integration gateway: intake, journal, dispatch, evidence, audit and the command line."""

__version__ = "0.1.0"
