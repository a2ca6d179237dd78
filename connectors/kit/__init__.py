"""What all connectors share: protocols, errors, manifest, registry, HTTP, carriers, faults, conformance."""
