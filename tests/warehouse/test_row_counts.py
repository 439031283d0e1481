"""How many rows tables have, told without reading them."""

import duckdb

from assetops.model import Relation
from assetops.warehouse.duckdb import row_counts

ORDERS, ODD, GONE = (
    Relation(schema_name="marts", name=name) for name in ("orders", 'odd "name"', "gone")
)


def test_rows_that_were_replaced_are_counted_once_and_what_is_no_table_not_at_all() -> None:
    with duckdb.connect() as connection:
        connection.execute("create schema marts")
        connection.execute(f"create table {ORDERS.quoted} as from range(100) as t(id)")
        connection.execute(f"delete from {ORDERS.quoted} where id >= 10")
        connection.execute(f"insert into {ORDERS.quoted} from range(5)")
        connection.execute(f"create table {ODD.quoted} as select 1 as id")
        assert row_counts(connection, [ORDERS, ODD, GONE]) == {str(ORDERS): 15, str(ODD): 1}
        assert row_counts(connection, []) == {}
