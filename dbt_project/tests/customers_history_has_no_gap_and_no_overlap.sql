{#- Each version of a customer begins where the one before it ended, and exactly the last one is current. -#}
with
    history as (
        select
            customer_id,
            valid_from,
            valid_to,
            is_current,
            lead(valid_from) over (
                partition by customer_id order by version
            ) as next_valid_from
        from {{ ref("customers_history") }}
    )

select customer_id, valid_from, valid_to, is_current, next_valid_from
from history
where
    valid_to is distinct from next_valid_from or is_current <> (next_valid_from is null)
