-- Subqueries: scalar, EXISTS, IN, ANY and ALL, of rows; correlated or not.
CREATE TABLE a (x int, y text);
CREATE TABLE b (x int, z int);
INSERT INTO a VALUES (1, 'one'), (2, 'two'), (3, 'three'), (NULL, 'none');
INSERT INTO b VALUES (1, 10), (1, 11), (3, 30), (NULL, 0);
SELECT y, (SELECT max(z) FROM b WHERE b.x = a.x) FROM a ORDER BY y;
SELECT y FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.x = a.x) ORDER BY y;
SELECT y FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.x = a.x) ORDER BY y;
SELECT y FROM a WHERE x IN (SELECT x FROM b) ORDER BY y;
SELECT y FROM a WHERE x NOT IN (SELECT x FROM b) ORDER BY y;
SELECT y FROM a WHERE x NOT IN (SELECT x FROM b WHERE x IS NOT NULL) ORDER BY y;
SELECT y, x IN (SELECT x FROM b), x NOT IN (SELECT x FROM b WHERE false) FROM a ORDER BY y;
SELECT y, x > ALL (SELECT x FROM b WHERE x < 3), x = ANY (SELECT z / 10 FROM b), x <> ALL (SELECT x FROM b) FROM a ORDER BY y;
SELECT y FROM a WHERE (x, y) IN (SELECT 1, 'one') OR (x, y) = (SELECT 2, 'two') ORDER BY y;
SELECT y FROM a WHERE ROW (x, 1) < ANY (SELECT x, z FROM b) ORDER BY y;
SELECT ARRAY(SELECT z FROM b ORDER BY z DESC), ARRAY(SELECT 1 WHERE false);
SELECT x, (SELECT count(*) FROM b WHERE b.z > a.x * 10) FROM a ORDER BY x;
SELECT (SELECT (SELECT a.y || b.z FROM b WHERE b.x = a.x ORDER BY z LIMIT 1)) FROM a ORDER BY 1;
SELECT sum((SELECT count(*) FROM b WHERE b.x = a.x)) FROM a;
SELECT x, sum(z) FROM b GROUP BY x HAVING sum(z) > (SELECT avg(z) FROM b) ORDER BY x;
SELECT (SELECT sum(a.x)) FROM a;
SELECT x FROM a ORDER BY (SELECT min(z) FROM b WHERE b.x = a.x) NULLS FIRST, x;
SELECT CASE WHEN EXISTS (SELECT FROM b WHERE x = 9) THEN 'yes' ELSE 'no' END;
SELECT t.n FROM (SELECT count(*) AS n FROM a) AS t;
SELECT 1 = ANY (ARRAY[1, NULL]), 2 = ANY (ARRAY[1, NULL]), 2 <> ALL (ARRAY[1, NULL]), 1 <> ALL ('{}'::int[]);
-- What is wrong with them.
SELECT (SELECT x FROM b);
SELECT (SELECT x, z FROM b LIMIT 1);
SELECT x FROM a WHERE x IN (SELECT x, z FROM b);
SELECT x FROM a WHERE (x, y) IN (SELECT x FROM b);
SELECT * FROM (SELECT 1);
SELECT x FROM a WHERE y IN (SELECT x FROM b);
SELECT (SELECT nothing FROM b) FROM a;
-- Nothing is asked of nothing: with an empty array, or no row, even NULL has an answer.
SELECT y, x <> ALL ('{}'::int[]), x = ANY ('{}'::int[]), x > ALL (SELECT z FROM b WHERE false) FROM a ORDER BY y;
SELECT a.y, t.v FROM a LEFT JOIN (VALUES (1, '{}'::int[])) t (k, v) ON t.k = a.x WHERE t.k <> ALL (coalesce(t.v, '{}')) ORDER BY y;
SELECT greatest(nullif(1, 1), (SELECT max(x) FROM a), nullif(2, 3)), least(NULL, nullif(1, 1));
SELECT (ARRAY[10, 20, 30])[2:3][1], ((ARRAY[10, 20, 30])[2:3])[1], (('{{1,2},{3,4}}'::int[])[1:2][2:2])[1][1];
SELECT (1, 9) < (SELECT 1, 10), (1, 9) < (SELECT 2, NULL::int), (2, 1) >= (SELECT 2, NULL::int), (1, 2) = (SELECT 1, 2 WHERE false);
