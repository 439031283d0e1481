"""A source without a new batch has nothing to check, and no run warns of that."""

import logging
from collections.abc import Iterator

import dagster as dg
import pytest

from assetops.ingest.quiet import expect_no_news_from


def run(source: str) -> bool:
    """Run a source that brings nothing new, and what is made from it."""
    key = dg.AssetKey(source.split("/"))

    @dg.multi_asset(
        specs=[dg.AssetSpec(key, skippable=True)],
        check_specs=[dg.AssetCheckSpec("contract", asset=key, blocking=True)],
        can_subset=True,
    )
    def ingest() -> Iterator[object]:
        yield dg.Output(None, output_name=key.to_python_identifier())

    @dg.asset(deps=[key])
    def mart() -> None:
        pass

    return dg.materialize([ingest, mart], instance=dg.DagsterInstance.ephemeral()).success


def test_only_a_source_that_is_known_to_have_no_news_is_not_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    expect_no_news_from(["retail/quiet"])
    # A command in the same process has stilled the one that warns.
    with caplog.at_level(logging.WARNING, logger="dagster._core.execution.plan.active"):
        assert run("retail/quiet")
        assert "emitted no result" not in caplog.text
        assert run("retail/loud")
    assert "Blocking asset check 'retail/loud:contract' emitted no result" in caplog.text
