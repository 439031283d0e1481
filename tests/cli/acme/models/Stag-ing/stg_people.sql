select id, "Name Full" as full_name, {{ helpers_pkg.cents('amount_cents') }} as amount from {{ source('raw', 'raw_people') }}
