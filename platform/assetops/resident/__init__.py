"""Processes forked from a warm template, which has imported what every one of them needs."""
