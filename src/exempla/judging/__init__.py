"""Judging: what answers of agents are read for, by which judges, and how far the judges can be believed."""
