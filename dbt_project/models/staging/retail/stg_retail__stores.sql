with
    source as (select * from {{ source("retail", "stores") }}),

    renamed as (
        select
            store_id,
            name as store_name,
            city,
            province,
            channel,
            opened_on,
            _landed_at as landed_at
        from source
    )

select store_id, store_name, city, province, channel, opened_on, landed_at
from renamed
