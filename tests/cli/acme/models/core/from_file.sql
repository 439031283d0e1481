select * from read_csv('data/local.csv')
