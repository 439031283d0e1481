select * from {{ ref('from_file') }}
