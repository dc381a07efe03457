"""Stories in the viewer: the shelf they are taken from, and the pages that show them."""
