"""The same for a `dg` project: a suite's checks as a component, declared in a `defs.yaml`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from assetops.quality.standalone import suite_checks


@dataclass
class SuiteChecksComponent(dg.Component, dg.Resolvable):
    """A Great Expectations suite as checks of an asset, one for each expectation.

    Relative paths start from the folder of the `defs.yaml`; the attributes are those of
    `assetops.quality.suite_checks`.
    """

    asset: str
    suite: str
    database: str | None = None
    connection: str | None = None
    table: str | None = None
    input: Mapping[str, Any] | None = None
    key: Sequence[str] = field(default_factory=list)
    pii: Sequence[str] = field(default_factory=list)
    parameters: Mapping[str, Any] | None = None
    pool: str | None = None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the checks; Dagster calls it when it loads the project."""
        folder = Path(context.path)
        folder = folder if folder.is_dir() else folder.parent
        checks = suite_checks(
            self.asset,
            folder / self.suite,
            folder / self.database if self.database else None,
            connection=self.connection,
            table=self.table,
            input=self.input,
            key=self.key,
            pii=self.pii,
            parameters=self.parameters,
            pool=self.pool,
        )
        return dg.Definitions(asset_checks=[checks])
