"""From verified marts to what consumers see: a release, a confirmation, or neither under a pin."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from assetops.ledger import Ledger
from assetops.model import Dataset, PublishedTable, Release, Verdict, Word
from assetops.project import Project
from assetops.publish.contents import Verified, fingerprints
from assetops.publish.gate import Objection, objections, refusal, standing_objections
from assetops.publish.history import remember
from assetops.publish.releases import Releases
from assetops.warehouse.duckdb import Warehouse

AsOf = Callable[[Dataset], datetime | None]
# The deep checks that stand as not passed on a mart or on what it is made from, by asset.
Standing = Callable[[Dataset], Sequence[tuple[str, Verdict, str]]]


class Event(StrEnum):
    """What became of a publication."""

    PUBLISHED = "published"
    CONFIRMED = "confirmed"
    HELD = "held"


class Publication(Word):
    """A publication: what was verified, and what consumers see after and saw before."""

    event: Event
    verified: dict[str, Verified]
    release: Release
    before: Release | None

    def sentence(self) -> str:
        """Say in one line what consumers see now, and why."""
        match self.event:
            case Event.PUBLISHED:
                return f"Release {self.release.id} is published."
            case Event.CONFIRMED:
                return f"Nothing changed: release {self.release.id} is confirmed."
            case Event.HELD:
                return (
                    f"Verified, and not published: release {self.release.id} is pinned. "
                    "`assetops rollback --unpin` lets the next build publish."
                )


def verify(
    marts: Sequence[Dataset],
    warehouse: Warehouse,
    ledger: Ledger,
    required_checks: Mapping[str, Collection[str]],
    *,
    data_as_of: AsOf,
    run_id: str,
    standing: Standing = lambda mart: (),
) -> dict[str, Verified]:
    """Return the marts' contents if every required check passed on exactly these.

    What stands from a deep check holds them back as well, whatever content it was about.

    Raises `GateFailed` if checks failed, `PublishError` if any did not run, and lists them all.
    """
    found: list[Objection] = []
    verified: dict[str, Verified] = {}
    # Held open, so that each look at a table does not open the file anew.
    with warehouse.connect():
        for mart in marts:
            if not warehouse.exists(mart.relation):
                reason = f"{mart.relation} is not in the warehouse. Run `assetops build`."
                found.append(Objection(mart.address, reason, bad_data=False))
                continue
            state = warehouse.fingerprint(mart.relation)
            verdicts = ledger.results_on(mart.address, state)
            found += objections(mart.address, required_checks[mart.address], verdicts)
            found += standing_objections(standing(mart))
            verified[mart.published_name] = Verified(
                fingerprint=state,
                verified_in=ledger.verified_in(mart.address, state) or run_id,
                data_as_of=data_as_of(mart),
            )
    if error := refusal(found):
        raise error
    return verified


def publish(
    verified: Mapping[str, Verified],
    project: Project,
    warehouse: Warehouse,
    releases: Releases,
    ledger: Ledger,
    *,
    run_id: str,
) -> Publication:
    """Let consumers see the verified marts, unless they already do or a release is pinned."""
    datasets = {dataset.published_name: dataset for dataset in project.published()}
    with releases.held(f"run {run_id}"):
        releases.heal()
        remember(releases, ledger)
        before = current = releases.current()
        if before and before.fingerprints == fingerprints(before, datasets, verified):
            event = Event.CONFIRMED
        elif before and releases.pinned:
            event = Event.HELD
        else:
            event = Event.PUBLISHED
            made = releases.make(
                warehouse, datasets, verified, manifest=project.manifest_path, run_id=run_id
            )
            current = releases.switch(made.id)
        assert current is not None  # no release before means that one was made
        ledger.record_publication(
            current.id,
            event.value,
            run_id=run_id,
            shown=_shown(event, current, verified),
            whole=event is Event.PUBLISHED,
        )
        ledger.reconcile_releases(releases.list())
    return Publication(event=event, verified=dict(verified), release=current, before=before)


def _shown(
    event: Event, current: Release, verified: Mapping[str, Verified]
) -> dict[str, PublishedTable]:
    """Return the tables of which consumers see something new: content, or until when it reaches."""
    match event:
        case Event.PUBLISHED:
            return current.tables
        case Event.CONFIRMED:
            # The same content, verified on what has come in since.
            return {
                name: current.tables[name].model_copy(update={"data_as_of": found.data_as_of})
                for name, found in verified.items()
            }
        case Event.HELD:
            return {}
