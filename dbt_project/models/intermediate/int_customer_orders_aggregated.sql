{#- Stored, since both `customers` and `customer_features` read it. -#}
{{ config(materialized="table") }}

with
    orders as (select * from {{ ref("orders") }}),

    aggregated as (
        select
            customer_id,
            count(*) filter (where status <> 'cancelled') as orders,
            sum(revenue) as revenue,
            min(ordered_at) filter (where status <> 'cancelled') as first_ordered_at,
            max(ordered_at) filter (where status <> 'cancelled') as last_ordered_at,
            max(updated_at) as updated_at
        from orders
        group by customer_id
    )

select
    customer_id,
    orders,
    cast(revenue as decimal(18, 2)) as revenue,
    first_ordered_at,
    last_ordered_at,
    updated_at
from aggregated
