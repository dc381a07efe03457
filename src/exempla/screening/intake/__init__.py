"""How a corpus comes in: whatever form it lies in, as records on a shelf."""
