with
    orders as (select * from {{ ref("orders") }}),

    customers as (select * from {{ ref("int_customer_orders_aggregated") }}),

    arrivals as (
        select cast(first_ordered_at as date) as order_date, count(*) as new_customers
        from customers
        group by cast(first_ordered_at as date)
    ),

    daily as (
        select
            order_date,
            count(*) as orders,
            count(*) filter (where status = 'cancelled') as cancelled_orders,
            count(distinct customer_id) as customers,
            sum(quantity) as quantity,
            sum(revenue) as revenue,
            max(updated_at) as updated_at
        from orders
        group by order_date
    )

select
    daily.order_date,
    daily.orders,
    daily.cancelled_orders,
    daily.customers,
    coalesce(arrivals.new_customers, 0) as new_customers,
    cast(daily.quantity as bigint) as quantity,
    cast(
        daily.revenue
        / nullif(daily.orders - daily.cancelled_orders, 0) as decimal(12, 2)
    ) as average_order_value,
    daily.updated_at
from daily
left join arrivals on daily.order_date = arrivals.order_date
