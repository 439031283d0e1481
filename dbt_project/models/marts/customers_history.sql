{#- Rebuilds all versions of customers that a batch touched which landed, or landed again, since this was last built. -#}
{{
    config(
        materialized="incremental",
        incremental_strategy="rebuild_touched",
        unique_key="customer_id",
        on_schema_change="fail",
        pre_hook="{{ find_touched_customers() }}",
        post_hook="{{ remember_loads([ref('stg_retail__customers')]) }}",
    )
}}

with
    changes as (
        select *
        from {{ ref("stg_retail__customers") }}
        {% if is_incremental() %}
            where customer_id in (select touched.customer_id from touched)
        {% endif %}
    )

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
    min(changed_at) over (partition by customer_id) as registered_at,
    landed_on,
    landed_at as updated_at
from changes
window versions as (partition by customer_id order by changed_at)
