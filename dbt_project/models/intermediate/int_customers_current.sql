with history as (select * from {{ ref("customers_history") }})

select
    customer_id,
    valid_from as changed_at,
    email,
    first_name,
    last_name,
    address,
    city,
    province,
    postal_code,
    marketing_opt_in,
    registered_at,
    updated_at
from history
where is_current
