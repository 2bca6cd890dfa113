"""Lets ``python -m lasport`` be the command."""

import sys

from lasport.cli import main

if __name__ == "__main__":
    sys.exit(main())
