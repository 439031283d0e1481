"""What was published when, the way back to it, and the way on: the work of three commands."""

from datetime import datetime

from assetops.ledger import Ledger
from assetops.model import Release, Word
from assetops.publish.releases import Releases


class ReleaseRow(Word):
    """One release as `assetops releases` shows it."""

    id: str
    created_at: datetime
    run_id: str
    tables: int
    rows: int
    changed: tuple[str, ...]
    current: bool
    pinned: bool


def release_rows(releases: Releases) -> list[ReleaseRow]:
    """Return the kept releases, newest first, and what each changed in the one before it."""
    intention = releases.intention()
    kept = {release.id: release for release in releases.list()}
    return [
        ReleaseRow(
            id=release.id,
            created_at=release.created_at,
            run_id=release.run_id,
            tables=len(release.tables),
            rows=sum(table.rows for table in release.tables.values()),
            changed=_changed(release, kept.get(release.previous or "")),
            current=(current := intention is not None and intention.release == release.id),
            pinned=current and intention is not None and intention.pinned,
        )
        for release in reversed(kept.values())
    ]


def rollback(releases: Releases, ledger: Ledger, release_id: str | None = None) -> Release:
    """Publish an earlier release again and pin it, so that builds verify and leave it there."""
    with releases.held("a rollback"):
        release = releases.rollback(release_id)
        releases.heal()
        ledger.record_publication(release.id, "rolled back", shown=release.tables, whole=True)
        remember(releases, ledger)
    return release


def unpin(releases: Releases, ledger: Ledger) -> Release:
    """Lift the pin; the next build publishes what it verifies."""
    with releases.held("a lifted pin"):
        release = releases.unpin()
        ledger.record_publication(release.id, "unpinned")
    return release


def remember(releases: Releases, ledger: Ledger) -> None:
    """Make the ledger agree with the folders, also about a switch that a kill left unrecorded."""
    ledger.reconcile_releases(releases.list())
    intention = releases.intention()
    newest = ledger.publications(limit=1)
    if intention and (not newest or newest[0]["release"] != intention.release):
        event = "rolled back" if intention.pinned else "published"
        release = releases.find(intention.release)
        ledger.record_publication(
            release.id,
            event,
            run_id=None if intention.pinned else release.run_id,
            # Consumers have seen it since then, however late this is written.
            at=intention.at,
            shown=release.tables,
            whole=True,
        )


def _changed(release: Release, before: Release | None) -> tuple[str, ...]:
    earlier = before.fingerprints if before else {}
    names = {*release.tables, *earlier}
    return tuple(sorted(n for n in names if release.fingerprints.get(n) != earlier.get(n)))
