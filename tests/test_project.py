"""The yml beside a model is the dataset: what it says is read strictly, and mistakes are named."""

import json
from pathlib import Path
from typing import Any

import pytest

from assetops.errors import ConfigError, ContractError
from assetops.model import Kind, Severity
from assetops.project import Project, find_root, load_project
from assetops.settings import load_settings


def node(name: str, *, kind: str = "model", **more: Any) -> dict[str, Any]:
    return {
        "unique_id": f"{kind}.shop.{name}",
        "resource_type": kind,
        "name": name,
        "alias": name,
        "schema": "marts",
        "package_name": "shop",
        "original_file_path": f"models/{name}.sql",
        "patch_path": f"shop://models/{name}.yml",
        "description": "",
        "columns": {},
        "depends_on": {"nodes": []},
        "config": {"schema": "marts", "meta": more.pop("meta", {}), **more.pop("config", {})},
        **more,
    }


def source(name: str, **more: Any) -> dict[str, Any]:
    return {
        **node(name, kind="source", **more),
        "unique_id": f"source.shop.retail.{name}",
        "source_name": "retail",
        "identifier": name,
        "schema": "raw",
        "source_meta": more.get("source_meta", {}),
    }


def project(tmp_path: Path, *nodes: dict[str, Any], **more: Any) -> Project:
    manifest = {
        "sources": {n["unique_id"]: n for n in nodes if n["resource_type"] == "source"},
        "metadata": {"project_name": "shop"},
        "nodes": {n["unique_id"]: n for n in nodes if n["resource_type"] != "source"},
        "groups": {},
        **more,
    }
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))
    return load_project(load_settings(tmp_path, {}), path)


def test_keys_and_tables_are_those_of_dagster_dbt(tmp_path: Path) -> None:
    python = source("segments", meta={"dagster": {"asset_key": ["marts", "segments"]}})
    found = project(tmp_path, node("customers"), source("orders"), python)
    by = found.by_address
    assert set(by) == {"marts/customers", "retail/orders", "marts/segments"}
    assert str(by["retail/orders"].relation) == "raw.orders"
    assert by["marts/segments"].kind is Kind.PYTHON


def test_an_unknown_key_names_file_model_key_and_the_nearest(tmp_path: Path) -> None:
    wrong = node("customers", meta={"assetops": {"fresh_witin": "26h"}})
    with pytest.raises(ContractError) as caught:
        project(tmp_path, wrong)
    assert str(caught.value) == (
        "dbt_project/models/customers.yml: customers: meta.assetops.fresh_witin is no key of a "
        "contract. Did you mean fresh_within?"
    )


def test_an_unknown_key_inside_a_block_is_found_too(tmp_path: Path) -> None:
    block = {"ingest": {"path": "a.csv", "format": "csv", "keys": ["a"]}}
    with pytest.raises(ContractError, match=r"meta\.assetops\.ingest\.keys .*Did you mean key\?"):
        project(tmp_path, source("orders", meta={"assetops": block}))


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"fresh_within": "1 day"}, "fresh_within is '1 day'"),
        ({"owners": ["ana"]}, "owner is team:<name> or an e-mail"),
        ({"ready_by": {"at": "25:99", "timezone": "UTC"}}, "ready_by.at is '25:99'"),
        ({"ingest": {"path": "a.csv"}}, "ingest.format is missing"),
        ({"ingest": {"path": "a.csv", "format": "xml"}}, "ingest.format is 'xml'"),
        ({"automate": "on_updat"}, "'on_updat': expected .* Did you mean on_update[?]$"),
        ({"wait_for": "20"}, "wait_for is '20': expected all, or a number .* 20[.]$"),
        ({"automate": 'on_cron("0 25 * * *")'}, "'0 25 [*] [*] [*]' is no cron line"),
        (
            {"automate": 'on_cron("0 6 * * *", "Europe/Berln")'},
            "expected an IANA time zone such as .* UTC[.] Did you mean Europe/Berlin[?]$",
        ),
    ],
)
def test_a_malformed_value_is_named_with_what_was_expected(
    tmp_path: Path, block: dict[str, Any], said: str
) -> None:
    with pytest.raises(ContractError, match=said):
        project(tmp_path, node("customers", meta={"assetops": block}))


def test_a_table_that_hides_a_key_of_its_source_is_an_error(tmp_path: Path) -> None:
    hiding = source(
        "orders",
        meta={"assetops": {"publish": False}},
        source_meta={"assetops": {"owners": ["team:retail"]}},
    )
    with pytest.raises(ContractError, match="hides owners of its source"):
        project(tmp_path, hiding)


def test_owners_may_come_from_a_dbt_group(tmp_path: Path) -> None:
    grouped = node("customers", config={"group": "marketing"})
    groups = {"group.shop.marketing": {"owner": {"name": "Marketing"}}}
    found = project(tmp_path, grouped, groups=groups)
    assert found.by_address["marts/customers"].contract.owners == ("team:marketing",)


def test_two_published_tables_of_one_name_are_an_error(tmp_path: Path) -> None:
    publish = {"assetops": {"publish": True}}
    other = {**node("customers", meta=publish), "unique_id": "model.shop.other"}
    with pytest.raises(ContractError, match="both publish customers"):
        project(tmp_path, node("customers", meta=publish), other)


def test_every_test_has_a_place_that_of_dagster_dbt_where_it_has_one(tmp_path: Path) -> None:
    def check(name: str, severity: str, **more: Any) -> dict[str, Any]:
        return node(name, kind="test", **more) | {
            "config": {"severity": severity, "meta": more.get("meta", {})}
        }

    both = {"nodes": ["model.shop.orders", "model.shop.customers"]}
    found = project(
        tmp_path,
        node("orders"),
        node("customers"),
        check("unique_id", "ERROR", attached_node="model.shop.orders", column_name="id"),
        check("sums", "warn", depends_on=both, meta={"dagster": {"ref": {"name": "customers"}}}),
        check("multi", "error", depends_on=both),
        child_map={"model.shop.orders": ["model.shop.customers", "test.shop.multi"]},
    )
    assert [(t.name, t.severity) for t in found.by_address["marts/orders"].tests] == [
        ("unique_id", Severity.CRITICAL)
    ]
    assert [(t.name, t.severity) for t in found.by_address["marts/customers"].tests] == [
        ("sums", Severity.WARNING),
        # dagster-dbt leaves it out, since it could be a check of either: it is one of the later.
        ("multi", Severity.CRITICAL),
    ]


def test_an_unknown_dataset_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Did you mean marts/customers\?"):
        project(tmp_path, node("customers")).dataset("marts/custmers")


def test_a_published_key_leads_to_its_mart(tmp_path: Path) -> None:
    found = project(tmp_path, node("customers", meta={"assetops": {"publish": True}}))
    assert found.dataset("published/customers").address == "marts/customers"


def test_outside_of_a_project_the_error_says_where_to_go(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is not inside an AssetOps project"):
        find_root(tmp_path)
