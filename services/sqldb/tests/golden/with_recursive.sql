-- WITH: named queries, read once or many times, and those that speak of themselves.
CREATE TABLE part (id int PRIMARY KEY, parent int, name text);
INSERT INTO part VALUES (1, NULL, 'car'), (2, 1, 'wheel'), (3, 1, 'motor'), (4, 3, 'piston'), (5, 2, 'tyre'), (6, 4, 'ring');
WITH big AS (SELECT * FROM part WHERE id > 3) SELECT a.name, b.name FROM big a JOIN big b ON a.id < b.id ORDER BY 1, 2;
WITH RECURSIVE down AS (SELECT id, name, 0 AS depth FROM part WHERE parent IS NULL UNION ALL SELECT p.id, p.name, d.depth + 1 FROM part p JOIN down d ON p.parent = d.id) SELECT * FROM down ORDER BY depth, id;
WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT sum(i), count(*) FROM n;
WITH RECURSIVE n (i) AS (VALUES (1) UNION SELECT (i * 2) % 7 FROM n) SELECT i FROM n ORDER BY i;
-- not here: the recursion goes to its end before LIMIT
WITH RECURSIVE fib (a, b) AS (SELECT 0, 1 UNION ALL SELECT b, a + b FROM fib) SELECT a FROM fib LIMIT 10;
-- not here: CYCLE is missing
WITH RECURSIVE edge (f, t) AS (VALUES (1, 2), (2, 3), (3, 1)), walk AS (SELECT 1 AS at UNION ALL SELECT t FROM walk JOIN edge ON f = at) CYCLE at SET looped USING path SELECT at, looped, path FROM walk;
-- not here: SEARCH is missing
WITH RECURSIVE t AS (SELECT id, parent FROM part WHERE parent IS NULL UNION ALL SELECT p.id, p.parent FROM part p JOIN t ON p.parent = t.id) SEARCH DEPTH FIRST BY id SET o SELECT id FROM t ORDER BY o;
-- not here: SEARCH is missing
WITH RECURSIVE t AS (SELECT id, parent FROM part WHERE parent IS NULL UNION ALL SELECT p.id, p.parent FROM part p JOIN t ON p.parent = t.id) SEARCH BREADTH FIRST BY id SET o SELECT id FROM t ORDER BY o;
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS x FROM a) SELECT a.x, b.x FROM a, b;
WITH x (p, q) AS (SELECT 1, 2) SELECT p, q FROM x;
SELECT * FROM (WITH i AS (SELECT 7 AS n) SELECT n FROM i) t;
WITH part AS (SELECT 99 AS id) SELECT * FROM part;
WITH RECURSIVE s (grid, n) AS (SELECT '', 0 UNION ALL SELECT grid || chr(65 + n), n + 1 FROM s WHERE n < 5) SELECT grid FROM s ORDER BY n DESC LIMIT 1;
WITH t AS MATERIALIZED (SELECT 1 AS a), u AS NOT MATERIALIZED (SELECT 2 AS a) SELECT t.a + u.a FROM t, u;
-- What is wrong.
WITH t AS (SELECT 1), t AS (SELECT 2) SELECT * FROM t;
WITH t (a, b) AS (SELECT 1) SELECT * FROM t;
WITH t AS (SELECT * FROM t) SELECT * FROM t;
WITH RECURSIVE t AS (SELECT * FROM t) SELECT * FROM t;
WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t, t u) SELECT * FROM t;
-- not here: the position is missing
WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT max(n) FROM t) SELECT * FROM t;
WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 0.5 FROM t WHERE n < 3) SELECT * FROM t;
WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT x.a FROM (VALUES (1)) x (a) LEFT JOIN t ON true) SELECT * FROM t;
WITH RECURSIVE t (n) AS (SELECT 1 EXCEPT SELECT n FROM t) SELECT * FROM t;
