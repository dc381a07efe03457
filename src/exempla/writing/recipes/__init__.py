"""One file per kind of training text. A recipe is found by its file's name; `RECIPE` in it says how it is written."""
