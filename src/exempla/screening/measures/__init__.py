"""Measures of a whole corpus after the gates."""
