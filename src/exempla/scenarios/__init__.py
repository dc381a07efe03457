"""Honeypot scenarios: a folder each, the simulated workplace it describes, and what counts as the wrong act in it."""
