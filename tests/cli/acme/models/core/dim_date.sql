select 1 as id, 'own' as origin
