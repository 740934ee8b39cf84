"""`python -m toolkit`: the command line."""

from toolkit.cli import run

if __name__ == "__main__":
    run()
