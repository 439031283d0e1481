"""What a suite says of light and deep is strict: a mistake has its file, line and mend."""

import json
from typing import Any

import pytest

from assetops.errors import SuiteError
from assetops.project import Project
from assetops.quality.suites import Suite, load_suites
from assetops.quality.suites.depth import Deep, Depth

NOT_NULL = "expect_column_values_to_not_be_null"
UNIQUE = "expect_column_values_to_be_unique"


def written(project: Project, *entries: dict[str, Any], **assetops: Any) -> None:
    path = project.suites_dir / "marts" / "orders.json"
    path.parent.mkdir(parents=True)
    suite = {"name": "marts.orders", "expectations": entries, "meta": {"assetops": assetops}}
    path.write_text(json.dumps(suite, indent=2))


def not_null(column: str, **meta: Any) -> dict[str, Any]:
    return {"type": NOT_NULL, "kwargs": {"column": column}, "meta": meta}


def names(suite: Suite, depth: Depth) -> list[str]:
    return [expectation.name for expectation in suite.part(depth).expectations]


def mistakes(project: Project) -> str:
    with pytest.raises(SuiteError) as error:
        load_suites(project)
    return str(error.value)


def test_an_expectation_is_light_unless_its_meta_says_deep(project: Project) -> None:
    written(project, not_null("order_id"), not_null("email", depth="deep"))
    suite = load_suites(project)["marts/orders"]
    assert names(suite, Depth.LIGHT) == ["order_id_not_null"]
    assert names(suite, Depth.DEEP) == ["email_not_null"]


def test_a_suite_may_be_deep_as_a_whole_but_for_what_says_light(project: Project) -> None:
    written(project, not_null("order_id", depth="light"), not_null("email"), depth="deep")
    suite = load_suites(project)["marts/orders"]
    assert names(suite, Depth.LIGHT) == ["order_id_not_null"]
    assert names(suite, Depth.DEEP) == ["email_not_null"]


def test_others_may_keep_their_own_keys_in_meta(project: Project) -> None:
    written(project, not_null("order_id", profiler="v2", team="shop", ticket=7))
    assert names(load_suites(project)["marts/orders"], Depth.LIGHT) == ["order_id_not_null"]


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ({"depth": "deeep"}, "meta.depth is 'deeep'. Did you mean deep?"),
        ({"depth": "slow"}, "meta.depth is 'slow'. Use light or deep."),
        ({"dept": "deep"}, "meta.dept is no key that we know. Did you mean depth?"),
    ],
)
def test_a_mistake_at_an_expectation_names_its_line(
    project: Project, meta: dict[str, Any], said: str
) -> None:
    written(project, not_null("order_id"), not_null("email", **meta))
    assert f"gx/expectations/marts/orders.json:17: {said}" in mistakes(project)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"sampel": 5}, "deep.sampel is no key of a suite. Did you mean sample?"),
        ({"sample": 0}, "a sample has at least one row"),
        ({"sample": "10"}, "a sample is a number of rows, such as 100000, or a share, such as 10%"),
        ({"sample": "0%"}, "or a share, such as 10%"),
        ({"seed": "x"}, "meta.assetops.deep.seed is 'x'"),
        ({"schedule": "daily"}, "a schedule is a cron line of five fields, such as 0 3 * * 0"),
    ],
)
def test_a_mistake_in_the_suites_own_meta_names_the_key(
    project: Project, block: dict[str, Any], said: str
) -> None:
    written(project, not_null("order_id"), deep=block)
    assert "gx/expectations/marts/orders.json:" in mistakes(project)
    assert said in mistakes(project)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"with": "landed"}, "is for ingested sources: no file lands here"),
        ({"with": "release", "files": 3}, "files are what landed: leave them out"),
    ],
)
def test_what_cannot_be_reconciled_so_is_said_when_the_suite_is_read(
    project: Project, wanted: dict[str, Any], said: str
) -> None:
    written(project, reconcile=[wanted])
    assert said in mistakes(project)


def test_what_is_said_of_the_whole_table_is_not_asked_of_a_sample(project: Project) -> None:
    unique = {"type": UNIQUE, "kwargs": {"column": "order_id"}, "meta": {"depth": "deep"}}
    written(project, unique, deep={"sample": 10})
    said = mistakes(project)
    assert "order_id_unique (expect_column_values_to_be_unique) means nothing on a sample" in said
    assert "leave out meta.assetops.deep.sample" in said


def test_a_light_expectation_looks_at_all_rows_whatever_the_sample(project: Project) -> None:
    unique = {"type": UNIQUE, "kwargs": {"column": "order_id"}}
    written(project, unique, not_null("email", depth="deep"), deep={"sample": 10})
    assert names(load_suites(project)["marts/orders"], Depth.LIGHT) == ["order_id_unique"]


@pytest.mark.parametrize(
    ("sample", "rows", "size"),
    [(None, 50, None), (10, 50, 10), (50, 50, None), ("10%", 55, 6), ("100%", 50, None)],
)
def test_the_size_of_a_sample_is_in_rows_or_a_share_rounded_up(
    sample: Any, rows: int, size: int | None
) -> None:
    assert Deep(sample=sample).sample_size(rows) == size
