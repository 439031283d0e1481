"""Expectation suites as gates: read as files, run by Great Expectations, reported to Dagster."""
