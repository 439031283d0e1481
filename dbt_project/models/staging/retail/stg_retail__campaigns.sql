with
    source as (select * from {{ source("retail", "campaigns") }}),

    renamed as (
        select
            campaign_id,
            name as campaign_name,
            channel,
            starts_on,
            ends_on,
            budget,
            target_segment,
            _landed_at as landed_at
        from source
    )

select
    campaign_id,
    campaign_name,
    channel,
    starts_on,
    ends_on,
    budget,
    target_segment,
    landed_at
from renamed
