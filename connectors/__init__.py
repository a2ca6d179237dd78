"""One folder for each outside system; `connectors.kit` is what they share. Connectors never import each other."""
