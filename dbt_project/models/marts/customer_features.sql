with
    customers as (select * from {{ ref("int_customers_current") }}),

    orders as (select * from {{ ref("orders") }}),

    lifetimes as (select * from {{ ref("int_customer_orders_aggregated") }}),

    clock as (
        select
            {{ as_of() }} as as_of,
            greatest(
                (select max(updated_at) from customers),
                (select max(updated_at) from lifetimes)
            ) as updated_at
    ),

    recent as (
        select
            orders.customer_id,
            count(*) filter (
                where orders.ordered_at >= clock.as_of - interval 30 day
            ) as orders_30d,
            sum(orders.revenue) filter (
                where orders.ordered_at >= clock.as_of - interval 30 day
            ) as revenue_30d,
            sum(orders.revenue) filter (
                where orders.ordered_at < clock.as_of - interval 30 day
            ) as revenue_previous_30d
        from orders
        cross join clock
        where
            orders.status <> 'cancelled'
            and orders.ordered_at >= clock.as_of - interval 60 day
            and orders.ordered_at < clock.as_of
        group by orders.customer_id
    ),

    features as (
        select
            customers.customer_id,
            date_sub(
                'day',
                coalesce(lifetimes.last_ordered_at, customers.registered_at),
                clock.as_of
            ) as recency_days,
            coalesce(lifetimes.orders, 0) as frequency,
            coalesce(lifetimes.revenue, 0.00) as monetary,
            coalesce(recent.orders_30d, 0) as orders_30d,
            coalesce(recent.revenue_30d, 0.00) as revenue_30d,
            coalesce(recent.revenue_previous_30d, 0.00) as revenue_previous_30d,
            date_sub('day', customers.registered_at, clock.as_of) as tenure_days,
            clock.updated_at
        from customers
        cross join clock
        left join lifetimes on customers.customer_id = lifetimes.customer_id
        left join recent on customers.customer_id = recent.customer_id
    )

select
    customer_id,
    cast(greatest(recency_days, 0) as integer) as recency_days,
    frequency,
    cast(monetary as decimal(18, 2)) as monetary,
    cast(
        coalesce(monetary / nullif(frequency, 0), 0) as decimal(12, 2)
    ) as average_order_value,
    orders_30d,
    cast(revenue_30d as decimal(18, 2)) as revenue_30d,
    cast(revenue_previous_30d as decimal(18, 2)) as revenue_previous_30d,
    {{ trend("revenue_30d", "revenue_previous_30d") }} as trend,
    cast(greatest(tenure_days, 0) as integer) as tenure_days,
    updated_at
from features
