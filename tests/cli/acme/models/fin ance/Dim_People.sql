select p.id, p.full_name, count(o.order_id) as n from {{ ref('stg_people') }} p left join {{ ref('eph_orders') }} o on o.person = p.id group by all
