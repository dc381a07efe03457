"""The scan for writing patterns that recur in a corpus, with a model or without."""
