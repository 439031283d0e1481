with
    source as (select * from {{ source("retail", "customers") }}),

    renamed as (
        select
            customer_id,
            changed_at,
            change,
            lower(email) as email,
            first_name,
            last_name,
            address,
            city,
            province,
            postal_code,
            marketing_opt_in,
            _landed_at as landed_at,
            row_number() over (
                partition by customer_id, changed_at
                order by _partition desc, _load_id desc
            ) as versions_back
        from source
    )

select
    customer_id,
    changed_at,
    change,
    email,
    first_name,
    last_name,
    address,
    city,
    province,
    postal_code,
    marketing_opt_in,
    landed_at
from renamed
where versions_back = 1
