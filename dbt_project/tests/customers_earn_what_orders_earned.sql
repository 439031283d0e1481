{#- What customers spent in their lifetimes is what all orders earned: no order without a customer, none counted twice. -#}
{{ config(meta={"dagster": {"ref": {"name": "customers"}}}) }}

with
    earned as (select coalesce(sum(revenue), 0) as revenue from {{ ref("orders") }}),

    spent as (
        select coalesce(sum(lifetime_revenue), 0) as revenue from {{ ref("customers") }}
    )

select earned.revenue as earned, spent.revenue as spent
from earned
cross join spent
where earned.revenue <> spent.revenue
