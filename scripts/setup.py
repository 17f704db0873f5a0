"""Create .venv and install what Footnote needs into it; does nothing when that is done already.

Standard library only: this runs before anything is installed. On a machine with an NVIDIA GPU the
`gpu` extra is installed, elsewhere the locked CPU build.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements" / "cpu.lock"
STAMP = VENV / "footnote-setup"
PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def has_nvidia_gpu() -> bool:
    """Whether the NVIDIA driver answers and lists a GPU."""
    if shutil.which("nvidia-smi") is None:
        return False
    listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return "GPU 0" in listing.stdout


def pip(*arguments: str, check: bool = True) -> bool:
    """Run pip inside .venv; return whether it succeeded."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, check=check, stdout=subprocess.DEVNULL).returncode == 0


def install_cpu() -> None:
    """Install the lock; first PyTorch's CPU build, from the configured indexes or its own."""
    torch = next(line for line in LOCK.read_text().splitlines() if line.startswith("torch=="))
    wanted = torch.split(";")[0].strip() + "+cpu"
    if not pip("install", "--no-deps", wanted, check=False):
        print(f"  {wanted} is not in the configured indexes; asking {PYTORCH_CPU_INDEX}")
        pip("install", "--no-deps", "--index-url", PYTORCH_CPU_INDEX, wanted)
    pip("install", "--no-deps", "-r", str(LOCK))


def main() -> None:
    """Bring .venv to the state that the lock and pyproject.toml describe."""
    if sys.version_info < (3, 11):  # noqa: UP036 - an older Python reads this file too
        sys.exit("Footnote needs Python 3.11 or newer: set PYTHON=/path/to/python3.11")
    extra = "gpu" if has_nvidia_gpu() else "cpu"
    sources = [LOCK, ROOT / "pyproject.toml", Path(__file__)]
    state = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    state += f" {extra} {ROOT}"
    if STAMP.exists() and STAMP.read_text() == state:
        return
    started = time.monotonic()
    if not PYTHON.exists():
        print("Creating .venv", flush=True)
        venv.create(VENV, with_pip=True)
    print(f"Installing the {extra} build (once; a few minutes and about 4 GB)", flush=True)
    if extra == "gpu":
        pip("install", "-e", f"{ROOT}[gpu,ocr,dev]")
    else:
        install_cpu()
        pip("install", "--no-deps", "-e", str(ROOT))
    STAMP.write_text(state)
    print(f"Installed in {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
