with
    orders as (select * from {{ ref("orders") }}),

    stores as (select * from {{ ref("stg_retail__stores") }}),

    sales as (
        select
            orders.order_date,
            orders.discount,
            orders.revenue,
            orders.updated_at,
            orders.status <> 'cancelled' as is_sold,
            coalesce(stores.channel, 'shop') = 'online' as is_online
        from orders
        left join stores on orders.store_id = stores.store_id
    ),

    daily as (
        select
            order_date,
            count(*) filter (where is_sold) as orders,
            coalesce(sum(discount) filter (where is_sold), 0.00) as discounts,
            sum(revenue) as revenue,
            coalesce(sum(revenue) filter (where is_online), 0.00) as online_revenue,
            max(updated_at) as updated_at
        from sales
        group by order_date
    )

select
    order_date as revenue_date,
    orders,
    cast(revenue + discounts as decimal(18, 2)) as gross_revenue,
    cast(discounts as decimal(18, 2)) as discounts,
    cast(revenue as decimal(18, 2)) as revenue,
    cast(online_revenue as decimal(18, 2)) as online_revenue,
    cast(revenue - online_revenue as decimal(18, 2)) as shop_revenue,
    updated_at
from daily
