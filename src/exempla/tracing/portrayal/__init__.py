"""How a corpus portrays AI systems: passages found, labelled, counted, and lists to filter or upsample by."""
