"""Sources as assets: each brings its landed batches into raw, through its own pre-flight."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.definitions.source_asset import (
    SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION as NO_EVENT,
)

from assetops.ingest.landing import Landed, landed_files
from assetops.ingest.load import Loader, Outcome
from assetops.ingest.pending import pending, remember
from assetops.ledger.landed import Memory
from assetops.model import (
    CONTRACT_CHECK,
    EXIT_CODE,
    HELD_ROWS,
    ONLY_PENDING,
    Batch,
    Dataset,
    Status,
    Verdict,
)
from assetops.project import Project
from assetops.warehouse import Warehouse, journal
from assetops.zone import Zone, landing_zone

CheckSpecs = Callable[[Dataset], Sequence[dg.AssetCheckSpec]]
CheckResult = Callable[[Verdict, dg.AssetKey], dg.AssetCheckResult | None]


@dataclass(frozen=True)
class Preflight:
    """What quality offers to ingestion: a source's checks, and a verdict as a check result."""

    specs: CheckSpecs
    result: CheckResult


@dataclass(frozen=True)
class Ingestion:
    """What the sources' assets share."""

    project: Project
    warehouse: Warehouse
    loader: Loader
    preflight: Preflight

    @property
    def landing(self) -> Zone:
        """Where the sources' files land."""
        return landing_zone(self.project.settings)

    @property
    def memory(self) -> Memory:
        """What is known of files that it is a journey to read."""
        return Memory(self.loader.ledger)


def ingested_assets(
    work: Ingestion, partitions: dg.PartitionsDefinition[str] | None
) -> list[dg.AssetsDefinition]:
    """Return one asset for each source that landing files feed."""
    return [_ingested_asset(dataset, work, partitions) for dataset in work.project.ingested()]


def _ingested_asset(
    dataset: Dataset, work: Ingestion, partitions: dg.PartitionsDefinition[str] | None
) -> dg.AssetsDefinition:
    key = dg.AssetKey(dataset.key)
    contract = dg.AssetCheckSpec(
        CONTRACT_CHECK,
        asset=key,
        blocking=True,
        description="The file can be read, and has the columns, types and keys that the yml says.",
    )

    @dg.multi_asset(
        name="ingest_" + "_".join(dataset.key),
        specs=[_spec(dataset, partitions)],
        check_specs=[contract, *work.preflight.specs(dataset)],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        required_resource_keys={"warehouse"},
        pool="warehouse",
    )
    def ingest_source(context: dg.AssetExecutionContext) -> Iterator[object]:
        loads = key in context.selected_asset_keys
        if loads:
            outcomes, faults = _bring_in(context, dataset, work)
        else:
            outcomes, faults = _look_at(dataset, work), []
        chosen = {check.name for check in context.selected_asset_check_keys}
        settings, run_id = work.project.settings, context.run.run_id
        # What is only looked at again is not remembered, so that no page tells of it.
        docs = settings.data_docs_page(dataset.address, run_id) if loads else None
        for verdict in _summaries(outcomes):
            result = work.preflight.result(verdict.model_copy(update={"docs": docs}), key)
            if result is None:
                context.log.error(verdict.sentence())
            elif verdict.check in chosen:
                yield result
        _raise_for(outcomes, faults)
        if loads:
            yield dg.Output(None, output_name=key.to_python_identifier(), metadata={NO_EVENT: True})

    return ingest_source


def _spec(dataset: Dataset, partitions: dg.PartitionsDefinition[str] | None) -> dg.AssetSpec:
    ingest = dataset.contract.ingest
    assert ingest is not None  # project.ingested() gives only these
    columns = [
        dg.TableColumn(c.name, type=c.data_type or "", description=c.description)
        for c in dataset.columns
    ]
    return dg.AssetSpec(
        dataset.key,
        description=dataset.description,
        group_name=dataset.key[0],
        owners=list(dataset.contract.owners),
        kinds={ingest.format.value, "duckdb"},
        partitions_def=partitions if ingest.partition else None,
        metadata={
            "dagster/table_name": str(dataset.relation),
            "dagster/column_schema": dg.TableSchema(columns),
        },
        skippable=True,
    )


def _bring_in(
    context: dg.AssetExecutionContext, dataset: Dataset, work: Ingestion
) -> tuple[list[Outcome], list[str]]:
    """Load the batches that the run is to load; return what became of them, and odd files."""
    landed, faults = _to_load(context, dataset, work)
    outcomes = []
    # Held open for all batches: DuckDB writes a checkpoint whenever its last connection closes.
    with work.warehouse.connect() as connection:
        for file in landed:
            with file.at_hand() as batch:
                remember(work.memory, file, batch)
                if batch.fingerprint == file.stands:
                    continue
                outcome = work.loader.load(dataset, batch, run_id=context.run.run_id)
            _report(context, dg.AssetKey(dataset.key), outcome)
            outcomes.append(outcome)
        standing = journal.standing_loads(connection, dataset.address)
    _catch_up(context, dg.AssetKey(dataset.key), standing)
    return outcomes, faults


def _look_at(dataset: Dataset, work: Ingestion) -> list[Outcome]:
    """Check the newest landed batch again, and load nothing."""
    files, _ = landed_files(dataset, work.landing)
    outcomes = []
    for day, file in list(files.items())[-1:]:
        with Landed(dataset, file, day).at_hand() as batch:
            outcomes.append(work.loader.examine(dataset, batch))
    return outcomes


def _to_load(
    context: dg.AssetExecutionContext, dataset: Dataset, work: Ingestion
) -> tuple[list[Landed], list[str]]:
    """Return the files that the run is to load, and what is wrong with others."""
    files, faults = landed_files(dataset, work.landing)
    if context.run.tags.get(ONLY_PENDING) or None in files:
        return pending(dataset, files, work.warehouse, work.memory), faults
    keys = context.partition_keys if context.has_partition_key_range else [context.partition_key]
    wanted = {date.fromisoformat(key) for key in keys}
    return [Landed(dataset, file, day) for day, file in files.items() if day in wanted], faults


def _report(context: dg.AssetExecutionContext, key: dg.AssetKey, outcome: Outcome) -> None:
    """Tell of one batch: a materialisation of its partition, or why there is none."""
    batch = outcome.batch
    if outcome.load_id is None:
        for reason in [*outcome.reasons, *_kept(outcome)]:
            context.log.error(f"{batch}: {reason}")
        return
    _announce(
        context,
        key,
        batch,
        rows=outcome.rows,
        held=outcome.held + outcome.discarded,
        load_id=outcome.load_id,
    )


def _kept(outcome: Outcome) -> list[str]:
    """Say where a batch that was held back is, and its bad rows."""
    kept = [f"held back in {outcome.quarantined}"] if outcome.quarantined else []
    if outcome.held:
        kept.append(f"its {outcome.held} bad rows: assetops quarantine show {outcome.batch.source}")
    return kept


def _catch_up(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    standing: Mapping[date | None, journal.Load],
) -> None:
    """Tell Dagster of what stands in raw without its knowledge: a kill came between the two."""
    events = context.instance.event_log_storage.get_latest_tags_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION, [DATA_VERSION_TAG]
    )
    told = {day: tags.get(DATA_VERSION_TAG) for day, tags in events.items()}
    if None in standing:
        event = context.instance.get_latest_materialization_event(key)
        whole = event.asset_materialization if event else None
        told["None"] = (whole.tags or {}).get(DATA_VERSION_TAG) if whole else None
    for day, load in standing.items():
        if told.get(str(day)) != _version(load, load.held_back):
            held = load.held_back
            _announce(context, key, load, rows=load.rows, held=held, load_id=load.load_id)


def _announce(
    context: dg.AssetExecutionContext,
    key: dg.AssetKey,
    batch: Batch | journal.Load,
    *,
    rows: int,
    held: int,
    load_id: int,
) -> None:
    context.log_event(
        dg.AssetMaterialization(
            key,
            partition=str(batch.partition) if batch.partition else None,
            metadata={
                f"dagster/{'partition_' * bool(batch.partition)}row_count": rows,
                **({HELD_ROWS: held} if held else {}),
                "file": Path(batch.file).name,
                "fingerprint": batch.fingerprint,
                "load_id": load_id,
                "as_of": dg.MetadataValue.text(f"{batch.as_of:%Y-%m-%d %H:%M}"),
            },
            tags={DATA_VERSION_TAG: _version(batch, held)},
        )
    )


def _version(batch: Batch | journal.Load, held: int) -> str:
    """Return what identifies a partition's content in raw: the file's, less what is held back."""
    return batch.fingerprint[:16] + (f"-{held}" if held else "")


def _summaries(outcomes: Sequence[Outcome]) -> list[Verdict]:
    """Return one verdict for each check: the first that did not pass, or the last that did."""
    by_check: dict[str, list[tuple[Batch, Verdict]]] = {}
    for outcome in outcomes:
        for verdict in outcome.verdicts:
            by_check.setdefault(verdict.check, []).append((outcome.batch, verdict))
    summaries = []
    for found in by_check.values():
        bad = [(batch, v) for batch, v in found if v.status is not Status.PASSED]
        batch, verdict = bad[0] if bad else found[-1]
        note = f"{len(found) - len(bad)} of {len(found)} batches passed"
        if bad:
            note += f"; first not to: {batch}"
        said = f"{note}. {verdict.description}".strip()
        day = str(batch.partition) if batch.partition else None
        summaries.append(verdict.model_copy(update={"description": said, "partition": day}))
    return summaries


def _raise_for(outcomes: Sequence[Outcome], faults: Sequence[str]) -> None:
    """Fail the step if a batch was held back; what could not be checked outranks what is bad."""
    held = [outcome for outcome in outcomes if outcome.reasons]
    reasons = [f"{o.batch}: {reason}" for o in held for reason in o.reasons]
    reasons += [f"{o.batch}: {place}" for o in held for place in _kept(o)]
    if held or faults:
        errored = any(v.blocks and v.status is Status.ERRORED for o in held for v in o.verdicts)
        raise dg.Failure(
            description="\n".join([*faults, *reasons]),
            metadata={EXIT_CODE: 2 if errored else 1},
            allow_retries=False,
        )
