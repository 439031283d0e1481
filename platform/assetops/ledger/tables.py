"""The tables of the ledger: everything that is remembered beside the data."""

import sqlalchemy as sa

METADATA = sa.MetaData()

RESULTS = sa.Table(
    "check_results",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("asset", sa.String, nullable=False),
    sa.Column("check", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("partition", sa.String),
    sa.Column("severity", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Index("check_results_by_state", "asset", "state"),
    sa.Index("check_results_by_asset", "asset", "id"),
    sa.Index("check_results_by_check", "asset", "check", "id"),
    sa.Index("check_results_by_run", "run_id", "asset"),
    sa.Index("check_results_by_age", "asset", "at"),
)
REJECTIONS = sa.Table(
    "rejections",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("partition", sa.String),
    sa.Column("file", sa.String, nullable=False),
    sa.Column("fingerprint", sa.String, nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
)
RELEASES = sa.Table(
    "releases",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("tables", sa.Text, nullable=False),
)
PUBLICATIONS = sa.Table(
    "publications",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("release", sa.String, nullable=False),
    sa.Column("event", sa.String, nullable=False),
    sa.Column("run_id", sa.String),
    sa.Column("at", sa.DateTime, nullable=False),
)
# What consumers saw of each published table: one row whenever its as-of time changed.
SIGHTINGS = sa.Table(
    "sightings",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("table", sa.String, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("release", sa.String, nullable=False),
    sa.Column("fingerprint", sa.String),
    sa.Column("data_as_of", sa.DateTime),
    sa.Index("sightings_by_table", "table", "at"),
)
# What was promised from when on: a promise that changes leaves the past as it was judged.
PROMISES = sa.Table(
    "promises",
    METADATA,
    sa.Column("dataset", sa.String, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("since", sa.DateTime, nullable=False),
    sa.Column("ready_by", sa.Text),
)
OUTCOMES = sa.Table(
    "outcomes",
    METADATA,
    sa.Column("dataset", sa.String, primary_key=True),
    sa.Column("promise", sa.String, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("due_at", sa.DateTime, nullable=False),
    sa.Column("reached_at", sa.DateTime),
    sa.Column("data_as_of", sa.DateTime),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("cause", sa.Text),
)
# What landing files were when the sensors of arrival looked at them.
LANDED_FILES = sa.Table(
    "landed_files",
    METADATA,
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("partition", sa.String, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("changed_ns", sa.BigInteger, nullable=False),
    sa.Column("fingerprint", sa.String, nullable=False),
    # In raw, or known to be bad: there is nothing to ask for.
    sa.Column("decided", sa.Boolean, nullable=False),
)
