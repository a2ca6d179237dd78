"""One folder for each dialect: claims of a sign-on provider, messages of the population database."""
