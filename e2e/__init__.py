"""End-to-end tests: real clients, a real browser and real faults against the running stack."""
