"""What a suite's table is to be reconciled with, as its meta says it."""

from enum import StrEnum

from pydantic import ConfigDict, Field

from assetops.model import Severity, Word


class Counterpart(StrEnum):
    """Where the other table is."""

    RELEASE = "release"


_CALLED = {
    Counterpart.RELEASE: "the release that consumers read",
}


class Reconcile(Word):
    """One entry of a suite's `meta.assetops.reconcile`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    where: Counterpart = Field(alias="with")
    key: tuple[str, ...] = Field(default=(), description="By default the contract's key.")
    columns: tuple[str, ...] = Field(default=(), description="By default all.")
    buckets: int = Field(default=1024, ge=1, le=1_000_000)
    severity: Severity = Severity.CRITICAL

    @property
    def name(self) -> str:
        """The name of its check."""
        return f"reconciles_with_{self.where}"

    @property
    def described(self) -> str:
        """What its check expects."""
        return f"The same rows, sums and hashes as {_CALLED[self.where]}."
