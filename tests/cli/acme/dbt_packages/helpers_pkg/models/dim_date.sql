select 1 as id, 'pkg' as origin
