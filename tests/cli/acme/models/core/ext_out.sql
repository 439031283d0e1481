{{ config(materialized='external', location='ext/out.parquet') }} select * from {{ ref('dim_date') }}
