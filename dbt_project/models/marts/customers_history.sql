with changes as (select * from {{ ref("stg_retail__customers") }})

select
    customer_id,
    changed_at as valid_from,
    lead(changed_at) over versions as valid_to,
    lead(changed_at) over versions is null as is_current,
    row_number() over versions as version,
    email,
    first_name,
    last_name,
    address,
    city,
    province,
    postal_code,
    marketing_opt_in,
    landed_at as updated_at
from changes
window versions as (partition by customer_id order by changed_at)
