"""``python -m odps_frames`` is the command ``odps-frames``."""

from __future__ import annotations

import sys

from odps_frames.cli import main

if __name__ == "__main__":
    sys.exit(main())
