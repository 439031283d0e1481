with
    history as (select * from {{ ref("customers_history") }}),

    registrations as (
        select customer_id, min(valid_from) as registered_at
        from history
        group by customer_id
    )

select
    history.customer_id,
    history.valid_from as changed_at,
    history.email,
    history.first_name,
    history.last_name,
    history.address,
    history.city,
    history.province,
    history.postal_code,
    history.marketing_opt_in,
    registrations.registered_at,
    history.updated_at
from history
inner join registrations on history.customer_id = registrations.customer_id
where history.is_current
