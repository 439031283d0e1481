"""dbt in the graph: its manifest as assets and checks, its runs inside the process."""
