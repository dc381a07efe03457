"""Tracing: how a corpus portrays AI, and which texts push a model."""
