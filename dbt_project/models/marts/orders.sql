{#-
    Rebuilds whole order dates: those that a batch touched which landed, or landed again, since this table was last
    built. Before it is built, a hook finds them out and keeps them in the temporary table `touched`.
-#}
{{
    config(
        materialized="incremental",
        incremental_strategy="rebuild_touched",
        unique_key="order_date",
        on_schema_change="fail",
        pre_hook="{{ find_touched_dates() }}",
        post_hook="{{ remember_loads([ref('stg_retail__orders'), ref('stg_retail__order_items')]) }}",
    )
}}

with
    orders as (
        select *
        from {{ ref("stg_retail__orders") }}
        {% if is_incremental() %}
            {# A row without a date must fail the build, as it would fail a full one. #}
            where
                order_date in (select touched.order_date from touched)
                or order_date is null
        {% endif %}
    ),

    items as (
        select *
        from {{ ref("int_order_items_totalled") }}
        {% if is_incremental() %}
            where order_id in (select orders.order_id from orders)
        {% endif %}
    ),

    baskets as (
        select
            order_id,
            count(*) as line_count,
            sum(quantity) as quantity,
            sum(line_total) as items_total,
            min(landed_on) as first_landed_on,
            max(landed_on) as last_landed_on,
            max(landed_at) as landed_at
        from items
        group by order_id
    )

select
    orders.order_id,
    orders.customer_id,
    orders.store_id,
    orders.campaign_id,
    orders.ordered_at,
    orders.order_date,
    orders.status,
    coalesce(baskets.line_count, 0) as line_count,
    cast(coalesce(baskets.quantity, 0) as bigint) as quantity,
    cast(coalesce(baskets.items_total, 0) as decimal(18, 2)) as items_total,
    orders.discount,
    orders.order_total,
    cast(
        case
            when orders.status = 'cancelled' then 0 else orders.order_total
        end as decimal(12, 2)
    ) as revenue,
    least(orders.landed_on, baskets.first_landed_on) as first_landed_on,
    greatest(orders.landed_on, baskets.last_landed_on) as last_landed_on,
    greatest(orders.landed_at, baskets.landed_at) as updated_at
from orders
left join baskets on orders.order_id = baskets.order_id
