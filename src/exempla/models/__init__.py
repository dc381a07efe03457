"""Models: the embedded one, and how a subject (the model under study) is loaded."""
