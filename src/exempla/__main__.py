"""`python -m exempla` is the same as `exempla`."""

from exempla.cli import main

if __name__ == "__main__":  # a helper process imports this file again
    main()
