with
    customers as (select * from {{ ref("int_customers_current") }}),

    orders as (select * from {{ ref("int_customer_orders_aggregated") }}),

    segments as (select * from {{ source("marts", "customer_segments") }})

select
    customers.customer_id,
    customers.email,
    customers.first_name,
    customers.last_name,
    customers.address,
    customers.city,
    customers.province,
    customers.postal_code,
    customers.marketing_opt_in,
    customers.registered_at,
    segments.segment,
    segments.confidence,
    coalesce(orders.orders, 0) as lifetime_orders,
    coalesce(orders.revenue, 0.00) as lifetime_revenue,
    cast(orders.first_ordered_at as date) as first_order_on,
    cast(orders.last_ordered_at as date) as last_order_on,
    {# greatest() of DuckDB passes over nulls: a customer without orders has no orders' time. #}
    greatest(customers.updated_at, orders.updated_at, segments.updated_at) as updated_at
from customers
left join orders on customers.customer_id = orders.customer_id
left join segments on customers.customer_id = segments.customer_id
