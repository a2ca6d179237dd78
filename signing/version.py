"""Which software judged: stands in every report, so that a verdict can be repeated with the same rules."""

SOFTWARE = "tthc-gateway signing 0.1.0"
"""Changes with the version of the project whenever the same input could be judged otherwise."""
