"""`python -m streams.cli` is `braid`."""

from streams.cli.app import main

if __name__ == "__main__":
    main()
