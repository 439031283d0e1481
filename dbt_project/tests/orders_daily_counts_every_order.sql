{#- Every order is counted in orders_daily, on its own day, and none twice. -#}
{{ config(meta={"dagster": {"ref": {"name": "orders_daily"}}}) }}

with
    placed as (
        select order_date, count(*) as orders
        from {{ ref("orders") }}
        group by order_date
    ),

    reported as (select order_date, orders from {{ ref("orders_daily") }})

select
    coalesce(placed.order_date, reported.order_date) as order_date,
    placed.orders as placed,
    reported.orders as reported
from placed
full outer join reported on placed.order_date = reported.order_date
where placed.orders is distinct from reported.orders
