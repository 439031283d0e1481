"""What is published where no contract says so, and asset keys that Dagster takes."""

import json
from pathlib import Path
from typing import Any

from tests.test_project import node, source

from assetops.project import Project, load_project
from assetops.settings import load_settings


def model(name: str, folder: str = "", *parents: str, **more: Any) -> dict[str, Any]:
    """Return a table of the project `shop` in its default schema, or what `more` says."""
    package = more.get("package_name", "shop")
    config = {"schema": None, "materialized": "table", **more.pop("config", {})}
    return node(
        name,
        fqn=[package, *folder.split("/"), name] if folder else [package, name],
        depends_on={"nodes": list(parents)},
        **{"database": "dev", "schema": "main", **more, "config": config},
    ) | {"unique_id": f"model.{package}.{name}"}


def project(tmp_path: Path, *nodes: dict[str, Any], **more: Any) -> Project:
    manifest = {
        "metadata": {"project_name": "shop"},
        "sources": {n["unique_id"]: n for n in nodes if n["resource_type"] == "source"},
        "nodes": {n["unique_id"]: n for n in nodes if n["resource_type"] != "source"},
        "groups": {},
        **more,
    }
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))
    return load_project(load_settings(tmp_path, {"ASSETOPS_PUBLISH": "marts"}), path)


def published(found: Project) -> dict[str, str]:
    return {dataset.published_name: dataset.mart for dataset in found.published()}


def test_without_a_folder_for_marts_what_nothing_is_built_from_is_a_mart(tmp_path: Path) -> None:
    raw = "source.shop.retail.orders"
    found = project(
        tmp_path,
        source("orders", database="dev"),
        model("orders", "core", "model.shop.stg_orders"),
        model("stg_orders", "staging", raw),
        model("stg_unused", "", raw),
        model("unused", "Staging", raw),
        model("renamed", "", raw, config={"materialized": "view"}),
        model("counted", "", raw),
        model("inlined", "", raw, config={"materialized": "ephemeral"}),
        model("asked", "", raw, config={"materialized": "table_function"}),
        model("secret", "", raw, access="private"),
        model("days", "", time_spine={"standard_granularity_column": "day"}),
        model("elsewhere", "", raw, database="other"),
        model("of_a_package", "", raw, package_name="parts"),
    )
    ends = "nothing is built from it"
    assert published(found) == {"orders": ends, "counted": ends}


def test_with_a_folder_or_a_schema_for_marts_they_are_in_it(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        model("orders", "Marts/sales", "model.shop.items"),
        model("items", "marts"),
        model("days", "calendar"),
        model("rates", "finance", config={"schema": "gold"}),
    )
    assert published(found) == {
        "orders": "it is in a folder called Marts",
        "items": "it is in a folder called marts",
        "rates": "it is in the schema gold",
    }


def test_an_exposure_makes_a_mart_and_a_contract_has_the_last_word(tmp_path: Path) -> None:
    def says(publish: bool) -> dict[str, Any]:
        return {"meta": {"assetops": {"publish": publish}}}

    reads = {"nodes": ["model.shop.parts", "source.shop.retail.orders", "model.parts.bolts"]}
    found = project(
        tmp_path,
        source("orders", database="dev"),
        model("parts", "staging"),
        model("bolts", package_name="parts"),
        model("hidden", "marts", config=says(False)),
        model("shown", "staging", config=says(True)),
        exposures={"exposure.shop.board": {"name": "board", "depends_on": reads}},
    )
    board = "the exposure board reads it"
    assert published(found) == {"parts": board, "bolts": board, "shown": ""}


def test_marts_of_one_name_are_published_beside_each_other(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        model("orders", "marts", config={"schema": "sales"}),
        model("Orders", "marts", config={"schema": "stock"}),
        model("items", "marts"),
    )
    assert sorted(published(found)) == ["items", "shop__sales__orders", "shop__stock__Orders"]
    assert found.dataset("published/shop__sales__orders").address == "sales/orders"


def test_keys_are_such_as_dagster_takes_and_no_two_are_the_same(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        source("orders", database="dev", schema="landed"),
        model("orders", config={"schema": "retail"}),
        model("days"),
        model("days", package_name="parts"),
        model("Ünits", config={"schema": "Our Marts"}),
        model("days", "inner", config={"schema": "published"}) | {"unique_id": "model.shop.inner"},
    )
    assert {dataset.address for dataset in found.datasets.values()} == {
        *("retail/orders", "source/retail/orders", "days", "parts/days", "Our_Marts/_nits"),
        "shop/published/days",
    }


def test_a_source_whose_table_is_built_here_is_what_builds_it(tmp_path: Path) -> None:
    seed = node("raw_orders", kind="seed", database="dev", schema="raw", alias="ORDERS")
    found = project(
        tmp_path,
        source("orders", database="dev", schema="RAW", identifier="orders"),
        seed,
        model("stg_orders", "", "source.shop.retail.orders"),
    )
    read = found.datasets["source.shop.retail.orders"]
    assert (read.key, read.parents) == (("marts", "raw_orders"), ("seed.shop.raw_orders",))
