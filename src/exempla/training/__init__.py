"""The train stage: what an arm reads, in which order, and the training itself."""
