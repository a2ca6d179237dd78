"""Who somebody is: sign-ons through identity providers, lawful questions to registers, and proofs that a dossier carries."""
