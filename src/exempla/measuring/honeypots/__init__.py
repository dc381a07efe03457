"""Honeypots: an agent at work in a simulated workplace, as an Inspect task."""
