{#- Not stored: `orders` narrows the lines to those of the orders that it rebuilds, then adds up. -#}
with items as (select * from {{ ref("stg_retail__order_items") }})

select
    order_id,
    line_number,
    product_id,
    quantity,
    cast(quantity * unit_price as decimal(18, 2)) as line_total,
    landed_on,
    landed_at
from items
