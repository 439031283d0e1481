with events as (select * from {{ ref("stg_retail__web_events") }})

select
    campaign_id,
    count(distinct session_id) as sessions,
    count(*) filter (where event_type = 'page_view') as page_views,
    count(*) filter (where event_type = 'add_to_cart') as add_to_carts,
    count(*) filter (where event_type = 'checkout') as checkouts,
    count(*) filter (where event_type = 'purchase') as purchases,
    max(landed_at) as updated_at
from events
where campaign_id is not null
group by campaign_id
