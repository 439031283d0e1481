select p.id from {{ ref('stg_people') }} p left join {{ ref('inc') }} i on i.id=p.id where i.id is null
