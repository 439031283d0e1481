"""Customer segments: what SQL cannot say, trained on the features that dbt has built."""

import base64
import io
from typing import Any

import dagster as dg

from assetops import Relation

CHURNED, LOW, MEDIUM, HIGH = "churned", "low_value", "medium_value", "high_value"
FEATURES = ["recency_days", "frequency", "monetary", "trend"]
CHURNED_AFTER_DAYS = 60
SEED = 20
# With fewer customers than this there are no groups to find; from more than so many there is
# nothing more to learn.
FEWEST, ENOUGH = 30, 10_000
# More than this teach the model nothing new; drawn so that the same customers give the same model.
LEARNED_FROM = 10_000


@dg.asset(
    key=["marts", "customer_segments"],
    deps=[["marts", "customer_features"]],
    required_resource_keys={"warehouse"},
    kinds={"python", "scikitlearn"},
    pool="warehouse",
)
def customer_segments(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Segment customers by value, with the model's confidence in each."""
    warehouse = context.resources.warehouse
    features = warehouse.read_frame(
        f"select customer_id, {', '.join(FEATURES)}, updated_at from marts.customer_features "
        "order by customer_id"
    )
    segments, metrics = segment(features)
    table = Relation(schema_name="marts", name="customer_segments")
    content = warehouse.write_frame(table, segments)
    counts = segments["segment"].value_counts().to_dict()
    return dg.MaterializeResult(
        # The same content leaves what is built on it in sync.
        data_version=dg.DataVersion(content),
        metadata={
            "dagster/row_count": len(segments),
            **{
                f"customers {name}": int(counts.get(name, 0))
                for name in (HIGH, MEDIUM, LOW, CHURNED)
            },
            **{name: dg.MetadataValue.float(value) for name, value in metrics.items()},
            "plot": dg.MetadataValue.md(f"![customers by segment]({plot(features, segments)})"),
        },
    )


def segment(features: Any) -> tuple[Any, dict[str, float]]:
    """Return `customer_id, segment, confidence, updated_at` per customer, and the model's metrics.

    Who has not ordered for long is churned; the others are grouped by what they do. Same features,
    same result.
    """
    import pandas as pd

    known = features[FEATURES].astype(float)
    gone = (known["frequency"] == 0) | (known["recency_days"] > CHURNED_AFTER_DAYS)
    label = pd.Series(CHURNED, index=features.index)
    confidence = pd.Series(1.0, index=features.index)
    label[~gone], confidence[~gone], metrics = _by_value(known[~gone])
    frame = pd.DataFrame(
        {
            "customer_id": features["customer_id"],
            "segment": label,
            "confidence": confidence.fillna(0.0).round(4),
            "updated_at": features["updated_at"],
        }
    )
    return frame, metrics


def _by_value(live: Any) -> tuple[Any, Any, dict[str, float]]:
    """Return segment and confidence of customers who still buy, and how good the grouping is.

    They are grouped by k-means on their ranks in recency, frequency, spend and trend, and the
    groups named by their mean spend. Confidence is the share of a random forest's trees that put a
    customer, left out of their training, into the same group: of all trees for most customers, as
    groups and trees are learned from at most `ENOUGH` of them.
    """
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import silhouette_score
    from sklearn.preprocessing import QuantileTransformer

    if len(live) < FEWEST:
        return MEDIUM, 0.0, {"out-of-bag accuracy": 0.0, "silhouette": 0.0}
    scale = QuantileTransformer(n_quantiles=min(100, len(live)), random_state=SEED)
    scaled = scale.fit_transform(live)
    some = np.random.default_rng(SEED).permutation(len(live))[:ENOUGH]
    groups = KMeans(n_clusters=3, n_init=5, random_state=SEED).fit(scaled[some]).predict(scaled)
    by_spend = live["monetary"].groupby(groups).mean().sort_values().index
    names = dict(zip(by_spend, (LOW, MEDIUM, HIGH), strict=True))
    forest = RandomForestClassifier(
        n_estimators=60, max_depth=8, oob_score=True, random_state=SEED, n_jobs=1
    ).fit(scaled[some], groups[some])
    votes = forest.predict_proba(scaled)
    # A tree that has learned from a customer has no vote on them.
    votes[some] = forest.oob_decision_function_
    silhouette = silhouette_score(
        scaled, groups, sample_size=min(2_000, len(scaled)), random_state=SEED
    )
    accuracy = (votes.argmax(axis=1) == groups).mean()
    return (
        [names[group] for group in groups],
        votes[np.arange(len(groups)), groups],
        {"out-of-bag accuracy": float(accuracy), "silhouette": float(silhouette)},
    )


def plot(features: Any, segments: Any) -> str:
    """Return a small scatter plot of recency and spend by segment, as a data URI."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, 2.8), dpi=90, layout="constrained")
    axes = figure.subplots()
    colours = {HIGH: "#1b7837", MEDIUM: "#5aae61", LOW: "#c2a5cf", CHURNED: "#999999"}
    drawn = features.sample(min(3000, len(features)), random_state=SEED)
    for name, colour in colours.items():
        rows = drawn[segments.loc[drawn.index, "segment"] == name]
        spent = rows["monetary"].astype(float)
        axes.scatter(rows["recency_days"], spent, s=5, color=colour, label=name, linewidths=0)
    # Most are near the origin, a few far away, and whoever never ordered has spent nothing.
    axes.set_xscale("symlog")
    axes.set_yscale("symlog")
    for axis in (axes.xaxis, axes.yaxis):
        # Powers of ten are formulas otherwise, which take longer than all the rest.
        axis.set_major_formatter("{x:,.0f}")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("days since the last order")
    axes.set_ylabel("spent (CAD)")
    axes.legend(fontsize=7, markerscale=2, frameon=False, loc="upper right")
    image = io.BytesIO()
    figure.savefig(image, format="png")
    return "data:image/png;base64," + base64.b64encode(image.getvalue()).decode()
