"""What a contract promises about time, as a policy that Dagster watches on the published asset."""

from datetime import datetime, timedelta

import dagster as dg

from assetops.model import Contract, timedelta_of


def freshness_policy(contract: Contract) -> dg.FreshnessPolicy | None:
    """Return the policy that comes nearest to a promise; an asset can have only one.

    Dagster looks at when the asset last had new content, not at until when its data reaches, and
    a late run turns its verdict back: docs/decisions/0036-promises-are-judged-afterwards.md.
    """
    if ready_by := contract.ready_by:
        due = datetime.strptime(ready_by.at, "%H:%M")
        # The data of the day before is there after midnight at the earliest.
        since_midnight = timedelta(hours=due.hour, minutes=due.minute)
        return dg.FreshnessPolicy.cron(
            deadline_cron=f"{due.minute} {due.hour} * * *",
            lower_bound_delta=since_midnight or timedelta(days=1),
            timezone=ready_by.timezone,
        )
    if contract.fresh_within:
        return dg.FreshnessPolicy.time_window(fail_window=timedelta_of(contract.fresh_within))
    return None
