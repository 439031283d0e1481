{#- Every dollar that orders earned is in revenue_daily, on its own day, and no other is. -#}
{{ config(meta={"dagster": {"ref": {"name": "revenue_daily"}}}) }}

with
    earned as (
        select order_date as day, sum(revenue) as revenue
        from {{ ref("orders") }}
        group by order_date
    ),

    reported as (select revenue_date as day, revenue from {{ ref("revenue_daily") }})

select
    coalesce(earned.day, reported.day) as day,
    earned.revenue as earned,
    reported.revenue as reported
from earned
full outer join reported on earned.day = reported.day
where earned.revenue is distinct from reported.revenue
