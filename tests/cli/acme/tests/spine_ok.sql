select 1 from {{ ref('spine') }} where date_day is null
