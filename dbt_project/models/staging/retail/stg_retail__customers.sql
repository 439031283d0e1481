{#-
    A table, since choosing the later of two records reads every record: rebuilt are only customers that a batch touched
    which landed, or landed again, since. A hook finds them before and keeps them in the temporary table `touched`.
-#}
{{
    config(
        materialized="incremental",
        incremental_strategy="rebuild_touched",
        unique_key="customer_id",
        on_schema_change="fail",
        pre_hook="{{ find_touched('customers', 'customer_id') }}",
        post_hook="{{ remember_loads([source('retail', 'customers')]) }}",
    )
}}

with
    source as (
        select *
        from {{ source("retail", "customers") }}
        {% if is_incremental() %}
            where customer_id in (select touched.customer_id from touched)
        {% endif %}
    ),

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
            _partition as landed_on,
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
    landed_on,
    landed_at
from renamed
where versions_back = 1
