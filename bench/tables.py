"""How long and how much memory large tables take to read: XLSX, CSV, JSONL.

    python -m bench.tables [rows]

Each file is made once with a tenth of the rows and once with all, and read in a process of its
own, whose peak memory is what the system says of it.
"""

from __future__ import annotations

import csv
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "tables.json"
ROWS = 100_000
HEADER = ["编号", "Item", "Date", "Quantity", "Price", "Share", "City", "Note", "Seen", "Code"]


def rows(count: int) -> Iterator[list[object]]:
    """Rows of ten cells of several kinds, all different."""
    import datetime

    start = datetime.date(2020, 1, 1)
    for n in range(count):
        day = start + datetime.timedelta(days=n % 2_000)
        yield [n, f"item {n}", day, n % 97, n / 7, (n % 100) / 100, f"城市{n % 300}",
               f"note {n} on the state of shelf {n % 41}", n % 2 == 0, f"C-{n:07}"]  # fmt: skip


def write_xlsx(path: Path, count: int) -> None:
    """Write a workbook with number formats."""
    import openpyxl
    from openpyxl.cell import WriteOnlyCell

    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet("库存")
    sheet.append(HEADER)
    for row in rows(count):
        price = WriteOnlyCell(sheet, row[4])
        price.number_format = "#,##0.00"
        sheet.append([*row[:4], price, *row[5:]])
    workbook.save(path)


def write_csv(path: Path, count: int) -> None:
    """Write comma-separated values."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *rows(count)])


def write_jsonl(path: Path, count: int) -> None:
    """Write one object a line."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows(count):
            record = dict(zip(HEADER, map(str, row), strict=True))
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


WRITERS = {".xlsx": write_xlsx, ".csv": write_csv, ".jsonl": write_jsonl}


def peak_megabytes() -> int:
    """The most memory that this process has had. Linux only: elsewhere 0."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)


def read_once(path: Path) -> None:
    """Read a file in this process and print what it took."""
    from ingest.readers import read_document

    base = peak_megabytes()
    started, started_cpu = time.perf_counter(), time.process_time()
    document = read_document(path)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - started_cpu
    figures = {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        "peak_mb": peak_megabytes(),
        "before_mb": base,
        "file_mb": round(path.stat().st_size / 1e6, 1),
        "text_mb": round(len(document.text.encode()) / 1e6, 1),
        "blocks": len(document.blocks),
        "last": " > ".join(document.blocks[-1].headings),
    }
    print(json.dumps(figures, ensure_ascii=False))


def main() -> None:
    """Print and write the figures of every format and size."""
    if len(sys.argv) == 3 and sys.argv[1] == "--read":
        read_once(Path(sys.argv[2]))
        return
    most = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    figures: dict[str, object] = {"python": platform.python_version()}
    with tempfile.TemporaryDirectory() as folder:
        for suffix, write in WRITERS.items():
            for count in (most // 10, most):
                path = Path(folder) / f"{count}{suffix}"
                write(path, count)
                command = [sys.executable, "-m", "bench.tables", "--read", str(path)]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                figures[path.name] = json.loads(output)
                print(path.name, output.strip())
    RESULTS.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
