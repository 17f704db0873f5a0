"""Asks the model for the plan that answers a question from a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from rag.generate import Generation, Generator
from rag.injection import as_shown
from rag.tables.cells import fold
from rag.tables.grounding import ground_plan
from rag.tables.plan import Plan, PlanError, check_plan, is_listed, plan_schema, read_plan
from rag.tables.table import Column, Table
from rag.types import Message

MAX_TOKENS = 220
MAX_COLUMNS = 24  # the model sees; of more, those that the question names come first
MAX_VALUE_CHARACTERS = 24
SAMPLES = 3

SYSTEM = """\
You turn a question about a table into a query. Write only JSON.
operation: list (show rows), count (how many rows), count distinct, sum, average, median, min, \
max, share (percent of the whole), difference (between the two values in where), trend, none (the \
table cannot tell).
column: what is computed or shown.
where: only limits that the question states; mostly [].
group_by: for "each", "per", "which ... most in total", else "".
order, limit: for top n, else "" and 0.

Table Harvest
Bed: text: A1, B2, C3
Crop: text: beans, leek, peas
Picked: date 2023-05-02 to 2024-09-30
Weight (kg): number 2 to 90
Q: How much did the beds A1 and B2 give in all?
{"operation":"sum","column":"Weight (kg)","where":[{"column":"Bed","is":"=","value":"A1"},\
{"column":"Bed","is":"=","value":"B2"}],"group_by":"","order":"","limit":0}
Q: 哪种作物的总产量最高？
{"operation":"sum","column":"Weight (kg)","where":[],"group_by":"Crop","order":"desc","limit":1}
Q: How many harvests of leek weighed more than 20 kg in 2024?
{"operation":"count","column":"Weight (kg)","where":[{"column":"Crop","is":"=","value":"leek"},\
{"column":"Weight (kg)","is":">","value":20},{"column":"Picked","is":"=","value":"2024"}],\
"group_by":"","order":"","limit":0}
Q: 最重的三次收获是哪些？
{"operation":"list","column":"Weight (kg)","where":[],"group_by":"","order":"desc","limit":3}"""


def ask_plan(
    question: str,
    table: Table,
    generator: Generator,
    title: str = "",
    count: Callable[[Generation], None] = lambda _: None,
) -> Plan | None:
    """The plan, held to what the question says, or None where the table cannot tell.

    `title` is the document's; `count` takes each generation once it is done.

    Raises PlanError if the plan cannot be carried out, even after it was told why; GenerationError
    if the model fails.
    """
    table = narrowed(question, table)
    messages = build_planning(question, table)
    schema = plan_schema(table)
    written = _write(messages, schema, generator, count)
    try:
        plan = _read(written, question, table, title)
    except PlanError as error:
        again = f"{as_shown(str(error))} Write the JSON again."  # it may quote values
        messages += [Message("assistant", written), Message("user", again)]
        plan = _read(_write(messages, schema, generator, count), question, table, title)
    return plan


def build_planning(question: str, table: Table) -> list[Message]:
    """The prompt: what plans are, the table's columns, the question."""
    lines = [f"Table {_on_one_line(table.name)}".rstrip(), *map(describe_column, table.columns)]
    asked = " ".join(question.split())
    return [Message("system", SYSTEM), Message("user", "\n".join([*lines, f"Q: {asked}"]))]


def describe_column(column: Column) -> str:
    """A column on one line: its name, kind, and values or their range."""
    values, name = column.distinct, _on_one_line(column.name)
    if column.kind == "text":
        shown = [_short(value) for value in values]
        tells_apart = len(values) == len(column.values)  # an id or a name in every row
        if is_listed(column) and not tells_apart:
            return f"{name}: text: {', '.join(shown)}"
        return f"{name}: text such as {', '.join(shown[:SAMPLES])}"
    numbers = sorted(values, key=lambda v: v if isinstance(v, Decimal) else str(v))  # type: ignore
    ends = f" {_short(numbers[0])} to {_short(numbers[-1])}" if numbers else ""
    return f"{name}: {column.kind}{ends}"


def narrowed(question: str, table: Table) -> Table:
    """The table with at most MAX_COLUMNS columns, the ones that the question names before all."""
    if len(table.columns) <= MAX_COLUMNS:
        return table
    asked = fold(question)

    def named(index: int) -> tuple[bool, int]:
        return fold(table.columns[index].name) not in asked, index

    kept = sorted(sorted(range(len(table.columns)), key=named)[:MAX_COLUMNS])
    columns = tuple(table.columns[index] for index in kept)
    return Table(table.name, columns, table.rows, table.header, table.kind, table.totals)


def _on_one_line(text: str) -> str:
    """What a document says, as the model may read it, without lines of its own."""
    return as_shown(" ".join(text.split()))


def _short(value: object) -> str:
    text = _on_one_line(str(value))
    is_long = len(text) > MAX_VALUE_CHARACTERS
    return text[: MAX_VALUE_CHARACTERS - 1] + "…" if is_long else text


def _write(
    messages: Sequence[Message],
    schema: dict[str, Any],
    generator: Generator,
    count: Callable[[Generation], None],
) -> str:
    if generator.count_chat_tokens(messages) + MAX_TOKENS > generator.max_model_len:
        raise PlanError("The table's columns do not fit into the model's context.")
    generation = generator.generate(messages, max_tokens=MAX_TOKENS, schema=schema)
    try:
        return "".join(generation)
    finally:
        generation.close()
        count(generation)


def _read(written: str, question: str, table: Table, title: str) -> Plan | None:
    try:
        value = json.loads(written, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise PlanError(f"This is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise PlanError("This is not a JSON object.")
    if value.get("operation") == "none":
        return None
    plan = ground_plan(read_plan(value, table), question, table, title)
    return check_plan(plan, table)
