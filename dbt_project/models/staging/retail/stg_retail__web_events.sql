with
    source as (select * from {{ source("retail", "web_events") }}),

    renamed as (
        select
            event_id,
            occurred_at,
            event_type,
            session_id,
            customer_id,
            product_id,
            campaign_id,
            page,
            device,
            _partition as landed_on,
            _landed_at as landed_at
        from source
    )

select
    event_id,
    occurred_at,
    event_type,
    session_id,
    customer_id,
    product_id,
    campaign_id,
    page,
    device,
    landed_on,
    landed_at
from renamed
