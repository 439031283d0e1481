"""What starts runs by itself: files that arrive, and datasets that have news."""
