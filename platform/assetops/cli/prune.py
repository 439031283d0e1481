"""`assetops prune`: forgets old runs now, which the daemon of `assetops up` does every hour."""

import click

from assetops.cli import enter_platform


@click.command("prune", short_help="Forget old runs.")
@click.option("--days", type=click.IntRange(min=1), help="How old; by default ASSETOPS_RUNS_DAYS.")
@click.option("--dry-run", is_flag=True, help="Say how many, and forget none.")
def command(days: int | None, dry_run: bool) -> None:
    """Delete runs that ended long ago; what says which data is there now is kept."""
    from assetops.cli.housekeeping import tidy
    from assetops.cli.instance import open_instance
    from assetops.cli.retention import forget_runs

    settings = enter_platform().settings
    with open_instance(settings) as instance:
        tidy(instance)
        forgotten = forget_runs(instance, days or settings.runs_days, rehearse=dry_run)
    click.echo(("Not done: " if dry_run else "") + str(forgotten))
