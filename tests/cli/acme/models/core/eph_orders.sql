{{ config(materialized='ephemeral') }} select * from {{ ref('stg_orders') }} where order_id > {{ var('min_orders') }}
