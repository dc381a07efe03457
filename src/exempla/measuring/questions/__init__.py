"""Questions to a subject: you or it, constitution, capability."""
