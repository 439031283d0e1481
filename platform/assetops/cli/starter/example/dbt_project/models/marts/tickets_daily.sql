select
    tickets.opened_on,
    tickets.topic,
    topics.team,
    count(*) as tickets,
    count(distinct tickets.customer_id) as customers
from {{ ref("stg_support__tickets") }} as tickets
inner join {{ ref("topics") }} as topics on topics.topic = tickets.topic
group by all
