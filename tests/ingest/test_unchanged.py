"""What is in raw is what the journal says: also of a file that was written anew meanwhile."""

from pathlib import Path

import pytest
from tests.ingest.conftest import Source

from assetops.errors import AssetOpsError
from assetops.ingest import unchanged
from assetops.ingest.quarantine import quarantine
from assetops.zone.folder import file_fingerprint

FIRST, SECOND = ["1,a@example.com,5,paid"], ["2,b@example.com,6,open"]


def journal(source: Source) -> list[str]:
    return source.ask("select fingerprint from _assetops.loads order by load_id")


@pytest.mark.parametrize("known", [True, False])
def test_a_file_that_changed_after_its_fingerprint_comes_in_as_what_it_is(
    source: Source, known: bool
):
    batch = source.land(FIRST)
    changed = batch.file.stat().st_ctime_ns if known else None
    source.land(SECOND)
    batch = batch.model_copy(update={"changed_ns": changed})
    outcome = source.loader.load(source.dataset, batch, run_id="run-1")
    assert source.raw == [2]
    assert journal(source) == [outcome.batch.fingerprint] == [file_fingerprint(batch.file)]


def test_what_is_held_back_is_known_by_the_content_that_was_bad(source: Source):
    batch = source.land(FIRST)
    batch.file.write_text("not,the,columns\n1,2,3\n")
    outcome = source.loader.load(source.dataset, batch, run_id="run-1")
    assert outcome.reasons
    (rejection,) = source.loader.ledger.rejections("retail/orders")
    assert rejection["fingerprint"] == file_fingerprint(batch.file) != batch.fingerprint
    # The first content, when it lands again, is as good as it was.
    assert source.load(FIRST).reasons == []
    assert source.raw == [1]


def test_quarantine_has_a_copy_of_what_was_bad_or_none(source: Source, tmp_path: Path):
    batch = source.land(FIRST)
    place = quarantine(tmp_path / "kept", batch, ["bad"], "run-1")
    assert (place / batch.file.name).read_bytes() == batch.file.read_bytes()
    batch = source.land(SECOND)
    source.land(FIRST)
    place = quarantine(tmp_path / "kept", batch, ["bad"], "run-1")
    assert [file.name for file in place.iterdir()] == ["reasons.json"]
    assert "there is no copy" in (place / "reasons.json").read_text()


def test_a_file_that_never_rests_is_neither_loaded_nor_rejected(
    source: Source, monkeypatch: pytest.MonkeyPatch
):
    read, versions = unchanged.read_text, iter(range(100))

    def read_while_another_writes(connection, file: Path, dataset):
        try:
            return read(connection, file, dataset)
        finally:
            source.land([f"{next(versions)},a@example.com,5,paid"])

    monkeypatch.setattr(unchanged, "read_text", read_while_another_writes)
    with pytest.raises(AssetOpsError, match="changed each of the 5 times"):
        source.load(FIRST)
    assert source.loader.ledger.rejections("retail/orders") == []
