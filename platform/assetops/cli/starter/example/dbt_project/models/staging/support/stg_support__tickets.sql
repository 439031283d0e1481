select ticket_id, customer_id, opened_at, cast(opened_at as date) as opened_on, topic
from {{ source("support", "tickets") }}
