select id, origin, (select max(rate) from {{ source('elsewhere','rates') }}) as rate from {{ ref('dim_date') }} union all select id, origin, 0 from {{ ref('helpers_pkg','dim_date') }}
