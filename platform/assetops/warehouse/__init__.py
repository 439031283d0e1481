"""The only connections to data: DuckDB, its lock, the load journal and the release files."""

from assetops.warehouse.duckdb import Connection, SqlError, Warehouse, open_read_only
from assetops.warehouse.lock import WarehouseLock

__all__ = ["Connection", "SqlError", "Warehouse", "WarehouseLock", "open_read_only"]
