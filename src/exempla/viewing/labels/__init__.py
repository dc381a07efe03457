"""Labels that people give in the viewer: of stories here, of answers as judging reads them."""
