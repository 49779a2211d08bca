"""`python -m threadline.cli` is the same as `threadline`."""

from threadline.cli import main

if __name__ == "__main__":
    main()
