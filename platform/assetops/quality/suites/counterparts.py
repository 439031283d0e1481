"""What a suite's table is to be reconciled with, as its meta says it."""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from assetops.model import Relation, Severity, Word


class Counterpart(StrEnum):
    """Where the other table is."""

    RELEASE = "release"
    POSTGRES = "postgres"
    LANDED = "landed"


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise ValueError(
            "a connection is the name of the environment variable that holds the URL, which is "
            "written down nowhere else"
        )
    if name.upper().startswith("ASSETOPS_"):
        raise ValueError("a connection has no name with ASSETOPS_ before it: those are settings")
    return name


def _table(name: str) -> str:
    if len(name.split(".")) != 2 or not all(name.split(".")):
        raise ValueError("a table is written schema.table")
    return name


Connection = Annotated[str, AfterValidator(_variable)]
Table = Annotated[str, AfterValidator(_table)]


def relation_of(table: str) -> Relation:
    """Return a table that is written schema.table."""
    schema, name = table.split(".")
    return Relation(schema_name=schema, name=name)


class Reconcile(Word):
    """One entry of a suite's `meta.assetops.reconcile`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    where: Counterpart = Field(alias="with")
    connection: Connection | None = Field(
        default=None, description="The environment variable with the URL of the Postgres server."
    )
    table: Table | None = Field(default=None, description="By default called as it is here.")
    key: tuple[str, ...] = Field(default=(), description="By default the contract's key.")
    columns: tuple[str, ...] = Field(default=(), description="By default all.")
    buckets: int = Field(default=1024, ge=1, le=1_000_000)
    files: int | None = Field(default=None, ge=1, description="Of what landed; by default all.")
    severity: Severity = Severity.CRITICAL

    @model_validator(mode="after")
    def _is_reachable(self) -> Self:
        if (self.where is Counterpart.POSTGRES) != (self.connection is not None):
            raise ValueError("postgres, and nothing else, is reached by a connection: name it")
        if self.connection is None and self.table is not None:
            raise ValueError("only a table in Postgres may be called otherwise than here")
        if self.where is not Counterpart.LANDED and self.files is not None:
            raise ValueError("files are what landed: leave them out")
        return self

    @property
    def name(self) -> str:
        """The name of its check."""
        return f"reconciles_with_{self.where}" + (
            "_" + re.sub(r"\W", "_", self.table) if self.table else ""
        )

    @property
    def described(self) -> str:
        """What its check expects."""
        if self.where is Counterpart.RELEASE:
            return "The same rows, sums and hashes as the release that consumers read."
        if self.where is Counterpart.LANDED:
            return (
                "The same rows, sums and hashes as the files that landed, less what is held back."
            )
        table = self.table or "the table of the same name"
        return f"The same rows, sums and hashes as {table} in the Postgres of {self.connection}."


def counterpart_mistakes(wanted: Iterable[Reconcile], *, lands: bool) -> Iterator[tuple[str, str]]:
    """Yield what has no counterpart of its kind, with the word to look for in the suite.

    `lands` says whether files land for the dataset.
    """
    if not lands and any(one.where is Counterpart.LANDED for one in wanted):
        yield "`with: landed` is for ingested sources: no file lands here. Use release.", "landed"
