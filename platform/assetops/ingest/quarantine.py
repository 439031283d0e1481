"""Where a rejected batch goes: a copy of its file with the reasons, kept until somebody decides."""

import json
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from assetops.model import Batch
from assetops.zone.folder import file_fingerprint


def quarantine(folder: Path, batch: Batch, reasons: Sequence[str], run_id: str) -> Path:
    """Copy a batch to quarantine/<source>/<file>-<fingerprint>/ and return that folder.

    If its file has been written anew since, there is no copy, and the reasons say so.
    """
    place = folder / batch.source / f"{batch.file.name}-{batch.fingerprint[:12]}"
    place.mkdir(parents=True, exist_ok=True)
    # The copy is named last, so that a half copy is never taken for the batch.
    half = place / f".{batch.file.name}"
    shutil.copyfile(batch.file, half)
    if file_fingerprint(half) == batch.fingerprint:
        os.replace(half, place / batch.file.name)
    else:
        half.unlink()
        reasons = [*reasons, "The file was written anew before it was copied: there is no copy."]
    (place / "reasons.json").write_text(
        json.dumps(
            {
                "source": batch.source,
                "partition": str(batch.partition) if batch.partition else None,
                "fingerprint": batch.fingerprint,
                "run_id": run_id,
                "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
                "reasons": list(reasons),
            },
            indent=2,
        )
        + "\n"
    )
    return place
