"""Text-to-SQL: a question about a table of staff, orders or trips as one query."""

from __future__ import annotations

import random

from tests.bench.generality.kinds.definition import Kind, Row
from tests.bench.generality.words import CITIES, NAMES

TOML = """name = "questions-to-sql"
description = "Write the SQL query that answers a question about one table."
prompt = "{schema} {question}"
metric = "exact_match"
answer = "sql"
max_new_tokens = 64
"""
TABLES = {
    "staff": ("age", "people are older than", "name, city, age"),
    "orders": ("price", "orders cost more than", "name, city, price"),
    "trips": ("days", "trips last longer than", "name, city, days"),
}
FORMS = (
    (
        "How many {more} {limit} {where} {city}?",
        "count(*) from {table} where city = '{city}' and {column} > {limit}",
    ),
    (
        "What is the highest {column} {where} {city} under {limit}?",
        "max({column}) from {table} where city = '{city}' and {column} < {limit}",
    ),
    (
        "Average {column} {where} {city} above {limit}?",
        "avg({column}) from {table} where city = '{city}' and {column} > {limit}",
    ),
    (
        "How many in {city} or {other} with {column} not {limit}?",
        "count(*) from {table} where city in ('{city}', '{other}') and {column} <> {limit}",
    ),
    (
        "Least {column} of {name} {where} {city}, {limit} or more?",
        "min({column}) from {table} where city = '{city}' and name = '{name}' and {column} >= {limit}",
    ),
    (
        "Which {column} does {name} {where} {city} have?",
        "{column} from {table} where city = '{city}' and name = '{name}'",
    ),
    (
        "Names {where} {city} with {column} {limit}?",
        "name from {table} where city = '{city}' and {column} = {limit}",
    ),
)
"""What is asked, and the query after its ``select``."""
OLD_TABLES = {"staff": "hr_people", "orders": "shop_tickets", "trips": "travel_old"}


def _draw(rng: random.Random) -> Row:
    table = rng.choice(tuple(TABLES))
    column, more, columns = TABLES[table]
    city, other = rng.sample(CITIES, 2)
    words = {
        "table": table,
        "column": column,
        "more": more,
        "city": city,
        "other": other,
        "name": rng.choice(NAMES),
        "limit": rng.randint(2, 99),
        "where": rng.choice(("in", "from")),
    }
    asked, sql = (text.format(**words) for text in rng.choice(FORMS))
    return {"schema": f"{table}({columns})", "question": asked, "sql": f"select {sql}"}


def _table(row: Row) -> str:
    return row["schema"].split("(")[0]


def _conditions_exchanged(row: Row) -> str:
    head, conditions = row["sql"].split(" where ")
    return f"{head} where {' and '.join(reversed(conditions.split(' and ')))}"


QUERIES = Kind(
    name="queries",
    asks="text-to-SQL",
    toml=TOML,
    draw=_draw,
    text="question",
    answer="sql",
    reordered=_conditions_exchanged,
    other_format=lambda row: f"db.{_table(row)}.find: {row['sql'].split(' where ')[1]}",
    stale=lambda row: row["sql"].replace(f"from {_table(row)}", f"from {OLD_TABLES[_table(row)]}"),
    other_value=lambda row: row["question"],
)
