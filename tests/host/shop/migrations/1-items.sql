create table items (name text primary key);
insert into items values ('apple'), ('pear');
