"""The services of Glassbox: one package each, and what they share in `common`."""
