"""Watching: whether what is promised is kept."""
