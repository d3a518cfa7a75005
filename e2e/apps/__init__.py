"""Applications of other frameworks, for our server to run."""
