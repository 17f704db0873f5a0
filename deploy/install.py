"""Set Footnote up from this bundle, without a network: python3 install.py TARGET

Standard library only. Every file is checked against manifest.json before anything is installed;
`python3 install.py --check` does only that.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path, PurePosixPath
from typing import Any

BUNDLE = Path(__file__).resolve().parent
MANIFEST = "manifest.json"
# No #! line of Python's: such a line can be neither long nor hold spaces, a folder's name can.
# -P: what lies where the command is called from is not imported.
LAUNCHER = """\
#!/bin/sh
[ -n "$FOOTNOTE_CONFIG" ] || FOOTNOTE_CONFIG={settings}
HF_HUB_CACHE={hub}
HF_HUB_OFFLINE=1
export FOOTNOTE_CONFIG HF_HUB_CACHE HF_HUB_OFFLINE
exec {python} -P -m rag.cli "$@"
"""


def read_manifest() -> dict[str, Any]:
    """Ends with a message if there is none, or it is of another machine."""
    try:
        manifest: dict[str, Any] = json.loads((BUNDLE / MANIFEST).read_text("utf-8"))
        names = [entry["name"] for entry in manifest["files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"{BUNDLE / MANIFEST} cannot be read ({error}). Copy the bundle again.")
    for name in names:
        parts = PurePosixPath(name).parts
        if not parts or parts[0] == "/" or ".." in parts or "\\" in name:
            sys.exit(f"{MANIFEST} names {name!r}, which cannot be. Take another bundle.")
    return manifest


def check_machine(manifest: dict[str, Any]) -> None:
    """Wheels are of one Python and one kind of machine."""
    here = {"python": python_version(), "machine": f"{sys.platform}-{platform.machine()}"}
    for what, mine in here.items():
        if manifest[what] != mine:
            sys.exit(
                f"The bundle is for {what} {manifest[what]}, but this is {mine}. "
                "Run it there, or make a bundle on a machine like this one."
            )


def python_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def check_files(manifest: dict[str, Any]) -> None:
    """Ends with a message that names what is missing, changed, or too much."""
    listed = {entry["name"]: entry for entry in manifest["files"]}
    found = {
        path.relative_to(BUNDLE).as_posix()
        for path in BUNDLE.rglob("*")
        if path.is_symlink() or not path.is_dir()
    } - {MANIFEST}
    for problem, names in (
        ("is missing", listed.keys() - found),
        ("is not in the manifest", found - listed.keys()),
        ("is a link", {name for name in found if (BUNDLE / name).is_symlink()}),
    ):
        if names:
            sys.exit(f"{BUNDLE / min(names)} {problem}. Copy the bundle again.")
    for name, entry in sorted(listed.items()):
        path = BUNDLE / name
        if path.stat().st_size != entry["size"] or file_hash(path) != entry["sha256"]:
            sys.exit(f"{path} is not what was bundled. Copy the bundle again.")


def file_hash(path: Path) -> str:
    """By pieces: `--check` also runs on a Python that has no `hashlib.file_digest`."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def install(target: Path) -> None:
    """A virtual environment, the code, the models, the settings, and the index if there is one."""
    if target.exists() and any(target.iterdir()):
        sys.exit(f"{target} is not empty. Name another folder, or move it aside.")
    print(f"Installing to {target}", flush=True)
    shutil.copytree(BUNDLE / "source", target, dirs_exist_ok=True)
    venv.create(target / ".venv", with_pip=True)
    python = target / ".venv" / "bin" / "python"
    wheels = sorted(str(path) for path in (BUNDLE / "wheels").glob("*.whl"))
    listing = target / ".venv" / "wheels.txt"
    listing.write_text("\n".join(wheels) + "\n", "utf-8")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--no-deps", "-r", str(listing)], check=True)
    packages = target / ".venv" / "lib" / f"python{python_version()}" / "site-packages"
    (packages / "footnote.pth").write_text(f"{target}\n", "utf-8")
    launcher = target / ".venv" / "bin" / "footnote"
    file = target / "footnote.toml"
    quoted = {"python": python, "hub": target / "hub", "settings": file}
    lines = LAUNCHER.format_map({name: shlex.quote(str(path)) for name, path in quoted.items()})
    launcher.write_text(lines, "utf-8")
    launcher.chmod(0o755)
    for name, place in {"models": "cache", "hub": "hub"}.items():
        if (BUNDLE / name).is_dir():
            shutil.copytree(BUNDLE / name, target / place)
    folders = {"index": target / "index", "cache": target / "cache"}
    settings = "".join(f"{name} = {as_toml(str(path))}\n" for name, path in folders.items())
    file.write_text(settings, "utf-8")
    if (BUNDLE / "index.tar").exists():
        restoring = [str(launcher), "restore", str(BUNDLE / "index.tar")]
        subprocess.run(restoring, check=True, cwd=target)
    print(f"Installed. Start it: cd {target} && .venv/bin/footnote chat --docs FOLDER")


def as_toml(text: str) -> str:
    """A basic string; JSON's escapes are TOML's too, but for those of surrogates and of DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def main() -> None:
    parser = argparse.ArgumentParser(description="Set Footnote up without a network.")
    parser.add_argument("target", nargs="?", type=Path, help="the folder to install to")
    parser.add_argument("--check", action="store_true", help="only check the bundle")
    arguments = parser.parse_args()
    if not arguments.check and arguments.target is None:
        parser.error("name the folder to install to, or give --check")
    manifest = read_manifest()
    if not arguments.check:
        check_machine(manifest)  # first: reading a bundle of gigabytes takes a while
    check_files(manifest)
    print(f"All {len(manifest['files'])} files are as they were bundled.", flush=True)
    if not arguments.check:
        install(arguments.target.expanduser().resolve())


if __name__ == "__main__":
    main()
