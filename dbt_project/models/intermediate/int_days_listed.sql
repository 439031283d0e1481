select cast(day as date) as date_day
from
    generate_series(
        timestamp '2015-01-01', timestamp '2040-12-31', interval 1 day
    ) as days(day)
