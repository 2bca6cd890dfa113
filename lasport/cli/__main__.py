"""``python -m lasport.cli``."""

from __future__ import annotations

import sys

from lasport.cli import main

if __name__ == "__main__":
    sys.exit(main())
