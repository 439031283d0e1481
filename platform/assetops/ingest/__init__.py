"""From a landing file to raw: candidate, pre-flight, one transaction, or quarantine."""
