{#-
    A table, since choosing the newest version reads every version: rebuilt are only all lines of the orders that a batch touched
    which landed, or landed again, since. A hook finds them before and keeps them in the temporary table `touched`.
-#}
{{
    config(
        materialized="incremental",
        incremental_strategy="rebuild_touched",
        unique_key="order_id",
        on_schema_change="fail",
        pre_hook="{{ find_touched('order_items', 'order_id') }}",
        post_hook="{{ remember_loads([source('retail', 'order_items')]) }}",
    )
}}

with
    source as (
        select *
        from {{ source("retail", "order_items") }}
        {% if is_incremental() %}
            where order_id in (select touched.order_id from touched)
        {% endif %}
    ),

    renamed as (
        select
            order_id,
            line_number,
            product_id,
            quantity,
            unit_price,
            updated_at,
            _partition as landed_on,
            _landed_at as landed_at,
            row_number() over (
                partition by order_id, line_number
                order by updated_at desc, _partition desc, _load_id desc
            ) as versions_back
        from source
    )

select
    order_id,
    line_number,
    product_id,
    quantity,
    unit_price,
    updated_at,
    landed_on,
    landed_at
from renamed
where versions_back = 1
