select * from {{ source('Legacy-App','Orders') }} 
