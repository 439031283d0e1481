"""`assetops rollback`: consumers see an earlier release again, at once."""

import click

from assetops.cli import enter_platform


@click.command("rollback", short_help="Publish an earlier release again, and pin it.")
@click.argument("release_id", required=False, metavar="[ID]")
@click.option("--unpin", is_flag=True, help="Lift the pin: the next build publishes again.")
def command(release_id: str | None, unpin: bool) -> None:
    """Publish release ID again (by default the one before) and pin it against later builds."""
    from assetops.publish.history import rollback
    from assetops.publish.history import unpin as lift

    if unpin and release_id:
        raise click.UsageError("--unpin takes no ID: it leaves what is published, and goes on.")
    platform = enter_platform()
    if unpin:
        release = lift(platform.releases, platform.ledger)
        click.echo(f"The pin on release {release.id} is lifted. Next: assetops build")
        return
    release = rollback(platform.releases, platform.ledger, release_id)
    click.echo(
        f"Release {release.id} is published again, and pinned: builds verify and leave it.\n"
        "Next: mend what was wrong, then assetops rollback --unpin and assetops build"
    )
