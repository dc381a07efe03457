"""The viewer: a local page for reading and labelling what a run, a corpus or a measurement holds."""
