"""Answers in the viewer."""
