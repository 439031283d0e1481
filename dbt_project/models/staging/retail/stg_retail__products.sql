with
    source as (select * from {{ source("retail", "products") }}),

    renamed as (
        select
            product_id,
            name as product_name,
            category,
            unit_cost,
            unit_price,
            launched_on,
            discontinued_on,
            _landed_at as landed_at
        from source
    )

select
    product_id,
    product_name,
    category,
    unit_cost,
    unit_price,
    launched_on,
    discontinued_on,
    landed_at
from renamed
