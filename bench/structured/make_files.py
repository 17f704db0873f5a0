"""Writes the made-up files that the structured questions are asked over, the same every time.

python -m bench.structured.make_files
"""

from __future__ import annotations

import csv
import datetime
import json
import random
from pathlib import Path

FILES = Path(__file__).resolve().parent / "files"
BUILDINGS = ("Harbour House", "Mill Lane", "North Depot", "Old Brewery", "Station Yard")
SHOPS = (
    ("人民路店", "南京"), ("湖滨店", "杭州"), ("春熙店", "成都"),
    ("观前店", "苏州"), ("江汉店", "武汉"), ("西湖店", "杭州"),
)  # fmt: skip
CUSTOMERS = (
    ("Alder & Finch", "Ireland"), ("Bergmann Optik", "Germany"), ("Clavel SARL", "France"),
    ("Dunlin Labs", "Ireland"), ("Ekström AB", "Sweden"),
)  # fmt: skip
GOODS = (("LN-10", "lens", "49.90"), ("ST-22", "stand", "120.00"), ("CB-07", "cable", "8.35"))


def main() -> None:
    """Write all three."""
    FILES.mkdir(exist_ok=True)
    write_meters(FILES / "electricity-readings.csv")
    write_shops(FILES / "门店销售.xlsx")
    write_orders(FILES / "web-orders.json")


def write_meters(path: Path) -> None:
    """Weekly readings of two years: 520 rows, too many for a prompt."""
    draw = random.Random(41)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["reading_date", "building", "tariff", "energy_kwh", "cost_eur"])
        day = datetime.date(2024, 1, 5)
        for _ in range(104):
            for building in BUILDINGS:
                energy = draw.randrange(180, 2400)
                tariff = draw.choice(["day", "night", "green"])
                writer.writerow([day, building, tariff, energy, f"{energy * 0.2375:.2f}"])
            day += datetime.timedelta(days=7)


def write_shops(path: Path) -> None:
    """Half a year of six shops with a total row."""
    import openpyxl

    draw = random.Random(7)
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "月度销售"
    sheet.append(["门店", "城市", "月份", "销售额（万元）", "客流量", "店长"])
    managers = ("林可", "何一鸣", "唐薇", "陆骁", "佟佳", "白露")
    total = customers = 0
    for month in range(1, 7):
        for (shop, city), manager in zip(SHOPS, managers, strict=True):
            sales, visits = draw.randrange(300, 1900), draw.randrange(2000, 9000)
            sheet.append([shop, city, f"2026年{month}月", sales / 10, visits, manager])
            total, customers = total + sales, customers + visits
    sheet.append(["合计", None, None, total / 10, customers, None])
    book.properties.created = book.properties.modified = datetime.datetime(2026, 7, 1)
    book.save(path)


def write_orders(path: Path) -> None:
    """Orders with nested items."""
    draw = random.Random(19)
    orders = []
    for number in range(24):
        name, country = draw.choice(CUSTOMERS)
        items = [
            {"sku": sku, "product": product, "quantity": draw.randrange(1, 12), "unit_price": price}
            for sku, product, price in draw.sample(GOODS, draw.randrange(1, 4))
        ]
        date = datetime.date(2026, 1, 6) + datetime.timedelta(days=7 * number)
        orders.append({
            "order_id": f"WO-{7001 + number}", "date": date.isoformat(),
            "customer": {"name": name, "country": country},
            "status": draw.choice(["shipped", "shipped", "open", "cancelled"]),
            "shipping_eur": draw.choice(["0.00", "6.50", "12.90"]),
            "items": items,
        })  # fmt: skip
    text = json.dumps({"shop": "Lantern web shop", "orders": orders}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
