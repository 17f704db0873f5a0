"""Writes the made-up files of the second set of questions, the same every time.

python -m bench.structured.make_unseen
"""

from __future__ import annotations

import csv
import datetime
import json
import random
from pathlib import Path

FILES = Path(__file__).resolve().parent / "unseen"
DRIVERS = ("Ansa Virtanen", "Bo Lind", "Carys Pugh", "Denis Kral", "Edie Marsh")
DEPOTS = ("Leith", "Gorgie", "Portobello")
COURSES = ("消防安全", "客户沟通", "数据分析", "叉车操作")
OFFICES = ("生产部", "客服部", "质检部")
TEACHERS = ("温若兰", "贺章", "顾北辰")
ROOMS = (("dormitory", 28), ("twin", 64), ("family", 92))
LANDS = ("Norway", "Portugal", "Japan", "Canada")
DRUGS = (
    ("布洛芬缓释胶囊", "0.3g×20粒", 18.5), ("阿莫西林胶囊", "0.25g×24粒", 12.8),
    ("氯雷他定片", "10mg×12片", 21.0), ("蒙脱石散", "3g×10袋", 16.2),
    ("维生素C片", "100mg×100片", 6.9), ("碘伏消毒液", "100ml", 8.5),
    ("医用纱布", "5片", 3.4), ("对乙酰氨基酚片", "0.5g×12片", 9.6),
)  # fmt: skip
FEES = """\
# Rowing club: fees and rules

Members pay once a year. The committee sets the fees each November.

## Fees

| Membership | Annual fee | Joining fee | Boat storage |
| --- | --- | --- | --- |
| Junior | £85 | £10 | £40 |
| Student | £120 | £15 | £55 |
| Adult | £310 | £60 | £75 |
| Family | £540 | £90 | £130 |

Fees are due on 15 January. Late payers get one reminder.

## Boats

Boats are taken out from 6 am. Life jackets are worn from October to April.

## Guests

A member may bring two guests a month. Guests sign the book at the pontoon.
"""


def main() -> None:
    """Write all five."""
    FILES.mkdir(exist_ok=True)
    write_trips(FILES / "van-trips.csv")
    write_courses(FILES / "培训记录.xlsx")
    write_bookings(FILES / "hostel-bookings.json")
    write_stock(FILES / "药房库存.tsv")
    (FILES / "rowing-club.md").write_text(FEES, "utf-8")


def write_trips(path: Path) -> None:
    """One trip a day and depot for four months of 2025."""
    draw = random.Random(5)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["trip_date", "driver", "depot", "distance_km", "fuel_litres", "toll_gbp"])
        for day in range(0, 120, 3):
            date = datetime.date(2025, 5, 1) + datetime.timedelta(days=day)
            for depot in DEPOTS:
                km = draw.randrange(20, 400)
                fuel, toll = f"{km * 0.091:.1f}", draw.choice(["0.00", "0.00", "4.20", "7.60"])
                writer.writerow([date, draw.choice(DRIVERS), depot, km, fuel, toll])


def write_courses(path: Path) -> None:
    """A year of courses."""
    import openpyxl

    draw = random.Random(29)
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "2025年培训"
    sheet.append(["课程", "部门", "培训日期", "讲师", "参加人数", "时长（小时）", "费用（元）"])
    for month in range(1, 13):
        for course in draw.sample(COURSES, 2):
            date = datetime.date(2025, month, draw.randrange(1, 28))
            people, hours = draw.randrange(6, 40), draw.choice([2, 3, 4, 6])
            office, teacher = draw.choice(OFFICES), draw.choice(TEACHERS)
            sheet.append([course, office, date, teacher, people, hours, people * hours * 35])
    book.properties.created = book.properties.modified = datetime.datetime(2026, 1, 5)
    book.save(path)


def write_bookings(path: Path) -> None:
    """Bookings as a list of records."""
    draw = random.Random(77)
    bookings = []
    for number in range(30):
        room, price = draw.choice(ROOMS)
        nights = draw.randrange(1, 9)
        arrival = datetime.date(2026, 2, 1) + datetime.timedelta(days=3 * number)
        bookings.append({
            "booking": f"HB-{310 + number}", "arrival": arrival.isoformat(),
            "country": draw.choice(LANDS), "room": room, "nights": nights,
            "amount_eur": nights * price, "paid": draw.choice(["yes", "yes", "no"]),
        })  # fmt: skip
    path.write_text(json.dumps(bookings, indent=1) + "\n", "utf-8")


def write_stock(path: Path) -> None:
    """What a pharmacy has."""
    draw = random.Random(3)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["药品", "规格", "库存数量", "最低库存", "单价（元）", "有效期至", "柜号"])
        for number, (drug, size, price) in enumerate(DRUGS):
            until = datetime.date(2026, 6, 30) + datetime.timedelta(days=draw.randrange(0, 700))
            row = [draw.randrange(10, 400), draw.choice([40, 80, 120]), price, until]
            writer.writerow([drug, size, *row, "甲乙丙丁"[number % 4] + "-0" + str(number + 1)])


if __name__ == "__main__":
    main()
