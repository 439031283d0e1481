"""Customers are segmented the same each time, and the model says honestly how good it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from retail import segments


def customers(number: int, *, seed: int = 1) -> pd.DataFrame:
    """Who buys often and much, who seldom, and who has stopped."""
    dice = np.random.default_rng(seed)
    kind = dice.choice(4, number, p=(0.2, 0.2, 0.2, 0.4))
    frequency = np.array([40, 12, 3, 5])[kind] + dice.integers(0, 3, number)
    return pd.DataFrame(
        {
            "customer_id": np.arange(number),
            "recency_days": np.array([2, 15, 40, 200])[kind] + dice.integers(0, 9, number),
            "frequency": frequency,
            "monetary": frequency * dice.uniform(20, 60, number),
            "trend": dice.uniform(-1, 1, number),
            "updated_at": pd.Timestamp("2026-01-05"),
        }
    )


@pytest.fixture(scope="module")
def many() -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """More customers than the model learns from, with their segments and the model's metrics."""
    features = customers(3 * segments.ENOUGH)
    return (features, *segments.segment(features))


def test_every_customer_has_a_segment_by_what_they_do(many: Any) -> None:
    features, found, _ = many
    assert list(found["customer_id"]) == list(features["customer_id"])
    spent = features["monetary"].groupby(found["segment"]).mean()
    assert spent["low_value"] < spent["medium_value"] < spent["high_value"]
    gone = features["recency_days"] > segments.CHURNED_AFTER_DAYS
    assert ((found["segment"] == "churned") == gone).all()
    assert found["confidence"].between(0, 1).all()


def test_the_same_customers_have_the_same_segments(many: Any) -> None:
    features, found, metrics = many
    again, once_more = segments.segment(features)
    pd.testing.assert_frame_equal(again, found)
    assert once_more == metrics


def test_the_accuracy_is_that_of_all_who_still_buy(
    many: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, found, metrics = many
    monkeypatch.setattr(segments, "ENOUGH", len(features))
    whole, of_all = segments.segment(features)
    assert (whole["segment"] == found["segment"]).mean() > 0.99
    assert metrics["out-of-bag accuracy"] == pytest.approx(of_all["out-of-bag accuracy"], abs=0.01)


def test_customers_without_groups_are_told_apart_with_little_confidence() -> None:
    dice = np.random.default_rng(3)
    features = customers(2_000)
    features["recency_days"] = dice.integers(0, 50, len(features))
    alike, sure = segments.segment(features)
    features["trend"] = np.repeat(0.0, len(features))
    for column in ("recency_days", "frequency", "monetary"):
        features[column] = dice.permutation(np.arange(len(features)) % 50 + 1)
    noise, unsure = segments.segment(features)
    assert unsure["silhouette"] < sure["silhouette"]
    assert noise["confidence"].mean() < alike["confidence"].mean()


def test_a_customer_is_not_judged_by_trees_that_learned_from_them() -> None:
    dice = np.random.default_rng(5)
    features = customers(200)
    for column in ("recency_days", "frequency", "monetary"):
        features[column] = dice.permutation(np.arange(len(features)) % 50 + 1)
    # Trees are always right about those that they grew on.
    assert segments.segment(features)[1]["out-of-bag accuracy"] < 1


@pytest.mark.parametrize("number", [1, segments.FEWEST - 1])
def test_a_few_customers_are_no_groups(number: int) -> None:
    features = customers(number)
    features["recency_days"] = 1
    found, metrics = segments.segment(features)
    assert set(found["segment"]) == {"medium_value"}
    assert set(found["confidence"]) == {0.0}
    assert metrics["out-of-bag accuracy"] == 0
