"""`python -m exempla` is the same as `exempla`."""

import sys


def main() -> None:
    """The console script: Ctrl-C ends it in one line even while what a command needs is still being loaded."""
    try:
        from exempla.cli import main as begin

        begin()
    except KeyboardInterrupt:
        sys.stderr.write("exempla: stopped\n")
        sys.exit(130)


if __name__ == "__main__":  # a helper process imports this file again
    main()
