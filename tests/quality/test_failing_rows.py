"""The rows of a mart that break its gate are kept, with the checks that each of them broke."""

from dataclasses import replace

from tests.quality.test_gate import Gated

NOT_NULL = "expect_column_values_to_not_be_null"
BETWEEN = "expect_column_values_to_be_between"


def kept(warehouse, columns="order_id, _broke"):
    with warehouse.connect() as connection:
        return connection.execute(
            f"select {columns} from quarantine.marts__orders where _state = 'held' order by all"
        ).fetchall()


def test_the_failing_rows_of_a_mart_are_kept_until_its_content_changes(
    project, warehouse, ledger, suite, expecting
):
    gated = Gated(project, warehouse, ledger)
    checks = suite(
        expecting(BETWEEN, "positive", column="total", min_value=0),
        expecting(BETWEEN, "recent", column="order_id", min_value=3),
        expecting(NOT_NULL, "reachable", severity="warning", column="email"),
        expecting("expect_table_row_count_to_equal", "five", value=5),
    )
    assert not gated.run(checks).success
    first = kept(warehouse)
    assert first == [(1, ["recent"]), (2, ["positive", "recent"])]
    assert kept(warehouse, "_file, _fingerprint") == [("marts.orders", gated.state)] * 2

    gated.run(checks)
    assert kept(warehouse) == first

    gated.run(checks, only="positive")
    assert kept(warehouse) == first

    with warehouse.connect() as connection:
        connection.execute("update marts.orders set total = 1, order_id = 4 where order_id = 2")
    gated.run(checks)
    assert kept(warehouse) == [(1, ["recent"])]


def test_no_more_rows_of_a_mart_are_kept_than_the_settings_say(
    project, warehouse, ledger, suite, expecting
):
    settings = project.settings.model_copy(update={"quarantine_rows": 3})
    project = replace(project, settings=settings)
    with warehouse.connect() as connection:
        connection.execute(
            "insert into marts.orders select order_id + 10, email, -total - 60, "
            "status, updated_at from marts.orders, range(1) where total is not null"
        )
    gated = Gated(project, warehouse, ledger)
    gated.run(suite(expecting(BETWEEN, "positive", column="total", min_value=0)))

    assert len(kept(warehouse)) == 3
