{#-
    A table, since choosing the newest version reads every version: rebuilt are only orders that a batch touched
    which landed, or landed again, since. A hook finds them before and keeps them in the temporary table `touched`.
-#}
{{
    config(
        materialized="incremental",
        incremental_strategy="rebuild_touched",
        unique_key="order_id",
        on_schema_change="fail",
        pre_hook="{{ find_touched('orders', 'order_id') }}",
        post_hook="{{ remember_loads([source('retail', 'orders')]) }}",
    )
}}

with
    source as (
        select *
        from {{ source("retail", "orders") }}
        {% if is_incremental() %}
            where order_id in (select touched.order_id from touched)
        {% endif %}
    ),

    renamed as (
        select
            order_id,
            customer_id,
            store_id,
            campaign_id,
            ordered_at,
            cast(ordered_at as date) as order_date,
            status,
            discount,
            order_total,
            updated_at,
            _partition as landed_on,
            _landed_at as landed_at,
            row_number() over (
                partition by order_id
                order by updated_at desc, _partition desc, _load_id desc
            ) as versions_back
        from source
    )

select
    order_id,
    customer_id,
    store_id,
    campaign_id,
    ordered_at,
    order_date,
    status,
    discount,
    order_total,
    updated_at,
    landed_on,
    landed_at
from renamed
where versions_back = 1
