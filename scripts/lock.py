"""Resolve requirements/cpu.lock anew with uv. PyTorch's CPU build must be in the resolver's reach.

Usage: python scripts/lock.py [extra arguments for uv, such as --find-links DIR]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "cpu.lock"
EXCLUDED = (
    *("torchvision", "torchaudio", "torchcodec"),
    *("colorlog", "omegaconf", "pyclipper", "shapely"),  # of rapidocr
)


def main() -> None:
    """Run the resolver, then name torch without its local version: pip takes the build it finds."""
    command = ["uv", "pip", "compile", "pyproject.toml", "--extra", "cpu", "--extra", "dev"]
    command += [
        "--extra",
        "ocr",
        "--extra",
        "redis",
        "--extra",
        "traces",
        "--override",
        "requirements/overrides.txt",
        "--universal",
    ]
    command += ["--python-version", "3.11", "--no-header", "--no-annotate", *sys.argv[1:]]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    lines = [line for line in output.splitlines() if not line.startswith(EXCLUDED)]
    LOCK.write_text("\n".join(lines).replace("+cpu", "") + "\n")


if __name__ == "__main__":
    main()
