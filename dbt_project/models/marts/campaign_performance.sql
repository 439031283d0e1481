with
    campaigns as (select * from {{ ref("stg_retail__campaigns") }}),

    visits as (select * from {{ ref("int_campaign_visits_counted") }}),

    orders as (select * from {{ ref("int_campaign_orders_aggregated") }}),

    performance as (
        select
            campaigns.campaign_id,
            campaigns.campaign_name,
            campaigns.channel,
            campaigns.target_segment,
            campaigns.starts_on,
            campaigns.ends_on,
            campaigns.budget,
            coalesce(visits.sessions, 0) as sessions,
            coalesce(visits.page_views, 0) as page_views,
            coalesce(visits.add_to_carts, 0) as add_to_carts,
            coalesce(visits.checkouts, 0) as checkouts,
            coalesce(visits.purchases, 0) as purchases,
            coalesce(orders.orders, 0) as orders,
            coalesce(orders.customers, 0) as customers,
            coalesce(orders.new_customers, 0) as new_customers,
            coalesce(orders.revenue, 0.00) as revenue,
            greatest(
                campaigns.landed_at, visits.updated_at, orders.updated_at
            ) as updated_at
        from campaigns
        left join visits on campaigns.campaign_id = visits.campaign_id
        left join orders on campaigns.campaign_id = orders.campaign_id
    )

select
    campaign_id,
    campaign_name as name,
    channel,
    target_segment,
    starts_on,
    ends_on,
    budget,
    sessions,
    page_views,
    add_to_carts,
    checkouts,
    purchases,
    orders,
    customers,
    new_customers,
    cast(revenue as decimal(18, 2)) as revenue,
    cast(orders as double) / nullif(sessions, 0) as conversion_rate,
    cast(budget / nullif(orders, 0) as decimal(12, 2)) as cost_per_order,
    cast(revenue as double) / nullif(cast(budget as double), 0) as return_on_spend,
    updated_at
from performance
