with
    orders as (select * from {{ ref("orders") }}),

    customers as (select * from {{ ref("int_customer_orders_aggregated") }})

select
    orders.campaign_id,
    count(*) as orders,
    count(distinct orders.customer_id) as customers,
    count(*) filter (
        where orders.ordered_at = customers.first_ordered_at
    ) as new_customers,
    cast(sum(orders.revenue) as decimal(18, 2)) as revenue,
    max(orders.updated_at) as updated_at
from orders
inner join customers on orders.customer_id = customers.customer_id
where orders.campaign_id is not null and orders.status <> 'cancelled'
group by orders.campaign_id
