"""Suites drafted from data: measured in two scans, proposed with reasons, never written over."""
