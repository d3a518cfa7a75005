-- INSERT, UPDATE and DELETE inside WITH: all see the tables as they were before the statement.
CREATE TABLE old (id int PRIMARY KEY, v text);
CREATE TABLE archive (id int, v text, at int GENERATED ALWAYS AS IDENTITY);
INSERT INTO old VALUES (1, 'a'), (2, 'b'), (3, 'c');
WITH gone AS (DELETE FROM old WHERE id < 3 RETURNING *) INSERT INTO archive (id, v) SELECT id, v FROM gone ORDER BY id RETURNING *;
SELECT * FROM old;
WITH added AS (INSERT INTO old VALUES (4, 'd') RETURNING id) SELECT count(*), (SELECT id FROM added) FROM old;
WITH changed AS (UPDATE old SET v = v || '!' RETURNING id, v) SELECT o.v, c.v FROM old o JOIN changed c USING (id) ORDER BY id;
WITH unread AS (INSERT INTO old VALUES (5, 'e')) SELECT 1;
SELECT * FROM old ORDER BY id;
WITH a AS (UPDATE old SET v = 'first' WHERE id = 3 RETURNING id), b AS (DELETE FROM old WHERE id = 4 RETURNING id) SELECT * FROM a UNION ALL SELECT * FROM b;
WITH t AS (SELECT 10 AS id) UPDATE old SET id = t.id FROM t WHERE old.id = 3 RETURNING old.*;
WITH t AS (SELECT 10 AS id) DELETE FROM old USING t WHERE old.id = t.id RETURNING t.id, v;
WITH RECURSIVE n (i) AS (SELECT 20 UNION ALL SELECT i + 1 FROM n WHERE i < 23) INSERT INTO old SELECT i, 'n' FROM n RETURNING id;
WITH up AS (INSERT INTO old VALUES (20, 'again'), (30, 'new') ON CONFLICT (id) DO UPDATE SET v = excluded.v RETURNING id, v) SELECT * FROM up ORDER BY id;
SELECT * FROM old ORDER BY id;
-- What is wrong.
SELECT * FROM (WITH x AS (DELETE FROM old RETURNING *) SELECT * FROM x) t;
WITH x AS (DELETE FROM old) SELECT * FROM x;
WITH x AS (INSERT INTO old VALUES (20, 'twice') RETURNING id) SELECT * FROM x;
SELECT count(*) FROM old;
