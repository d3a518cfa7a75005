SELECT 1
SELECT 1 AS x, 'two', 3.5, NULL, true, 10000000000, -5, 99999999999999999999
SELECT id, name FROM staff
SELECT * FROM staff
SELECT s.* FROM staff s
SELECT staff FROM staff
SELECT s.name, d.name FROM staff s, dept d WHERE s.dept = d.id
SELECT * FROM staff JOIN dept ON staff.dept = dept.id
SELECT * FROM staff s LEFT JOIN dept d USING (id)
SELECT id FROM staff s LEFT JOIN dept d USING (id)
SELECT name FROM staff s FULL JOIN dept d USING (id, name)
SELECT * FROM staff NATURAL JOIN dept
SELECT * FROM staff s CROSS JOIN dept d
SELECT x.a, x.b FROM (staff s JOIN dept d ON true) AS x (a, b)
SELECT j.id FROM staff JOIN dept USING (id) AS j
SELECT id FROM staff, dept
SELECT nope FROM staff
SELECT nam FROM staff
SELECT s.nam FROM staff s
SELECT staff.id FROM staff s
SELECT x.id FROM staff s
SELECT t.id FROM staff s, (SELECT s.id) t
SELECT t.id FROM staff s, LATERAL (SELECT s.id) t
SELECT * FROM nope
SELECT * FROM public.nope
SELECT * FROM nope.staff
SELECT public.staff.id FROM staff
SELECT public.staff.id FROM public.staff
SELECT * FROM staff, staff
SELECT * FROM staff a, staff a
SELECT 1 + 'x'
SELECT 1 + '2'
SELECT '1' + '2'
SELECT 1 + 2.5, 1.5::float8 + 1, 1::bigint + 1, 1::smallint + 1, 2 ^ 3
SELECT 1 || 'a', 'a' || 'b', 'a' || 1, ARRAY[1] || 2, ARRAY[1] || ARRAY[2]
SELECT id + name FROM staff
SELECT -name FROM staff
SELECT id = '5', name = 'x', born = '2000-01-01', pay > 5 FROM staff
SELECT id = 'abc' FROM staff
SELECT born = 'nonsense' FROM staff
SELECT name LIKE 'a%', name NOT LIKE 'b' ESCAPE '!', name ILIKE 'c', name SIMILAR TO 'd' FROM staff
SELECT id BETWEEN 1 AND 2, id NOT BETWEEN SYMMETRIC 3 AND 4 FROM staff
SELECT id IN (1, 2, 3), name IN ('a', 'b'), id NOT IN (1, 2), pay IN (1, 2.5) FROM staff
SELECT id IN (1, dept, 3) FROM staff
SELECT id IN (1, 'x') FROM staff
SELECT (id, dept) IN ((1, 2), (3, 4)), (id, name) = (1, 'x'), (id, dept) < (1, 2) FROM staff
SELECT (id, dept) = (1, 2, 3) FROM staff
SELECT id IS NULL, name IS NOT NULL, (id > 1) IS TRUE, (id > 1) IS NOT UNKNOWN FROM staff
SELECT id IS TRUE FROM staff
SELECT id IS DISTINCT FROM dept, id IS NOT DISTINCT FROM NULL, (id, dept) IS DISTINCT FROM (1, 2) FROM staff
SELECT NOT id FROM staff
SELECT id AND true FROM staff
SELECT true AND 'yes', 'no' OR false
SELECT CASE WHEN id > 1 THEN 1 ELSE 2.5 END, CASE id WHEN 1 THEN 'a' WHEN 2 THEN 'b' END, CASE WHEN true THEN NULL END FROM staff
SELECT CASE WHEN id THEN 1 END FROM staff
SELECT CASE WHEN true THEN 1 ELSE 'x' END
SELECT CASE WHEN true THEN 1 ELSE true END
SELECT coalesce(id, 0), coalesce(name, 'x'), coalesce(NULL, NULL), nullif(id, 1), greatest(1, 2.5), least('a', 'b') FROM staff
SELECT coalesce(id, name) FROM staff
SELECT id::text, name::int, '5'::int, CAST(pay AS int), born::text, 'x'::varchar(3), 1::numeric(5, 2) FROM staff
SELECT name::date::int FROM staff
SELECT id::date FROM staff
SELECT 'x'::nosuch
SELECT 'x'::int
SELECT int '5', date '2000-01-01', numeric '1.5', interval '1 day', timestamp with time zone '2000-01-01'
SELECT ARRAY[1, 2], ARRAY[1, 2.5], ARRAY['a', 'b'], ARRAY[[1], [2]], ARRAY[]::int[], ARRAY[NULL]
SELECT ARRAY[]
SELECT ARRAY[1, 'x']
SELECT tags[1], tags[1:2], (ARRAY[1, 2])[1] FROM staff
SELECT id[1] FROM staff
SELECT tags['x'] FROM staff
SELECT ROW(1, 2), (1, 'a'), ROW(id, name) FROM staff
SELECT (s).name, (s.*).id FROM staff s
SELECT (s).nope FROM staff s
SELECT (1).x
SELECT id IN (SELECT id FROM dept), EXISTS (SELECT 1), (SELECT max(id) FROM dept), ARRAY(SELECT id FROM dept) FROM staff
SELECT (SELECT id, name FROM dept)
SELECT id IN (SELECT id, name FROM dept) FROM staff
SELECT (id, name) IN (SELECT id, name FROM dept), (id, dept) = (SELECT 1, 2) FROM staff
SELECT (id, name) IN (SELECT id FROM dept) FROM staff
SELECT id = ANY (ARRAY[1, 2]), id > ALL ('{1,2}'), name = ANY (tags), id < ANY (SELECT id FROM dept) FROM staff
SELECT id = ANY (5) FROM staff
SELECT id = ANY (name) FROM staff
SELECT count(*), count(id), sum(id), sum(pay), avg(id), max(name), min(born) FROM staff
SELECT dept, count(*) FROM staff GROUP BY dept
SELECT dept, name FROM staff GROUP BY dept
SELECT name, count(*) FROM staff
SELECT id, name FROM staff GROUP BY id
SELECT s.id, s.name, d.name FROM staff s, dept d GROUP BY s.id
SELECT dept + 1, count(*) FROM staff GROUP BY dept + 1
SELECT dept + 2, count(*) FROM staff GROUP BY dept + 1
SELECT dept AS d, count(*) FROM staff GROUP BY d
SELECT dept, count(*) FROM staff GROUP BY 1
SELECT dept, count(*) FROM staff GROUP BY 3
SELECT dept, count(*) FROM staff GROUP BY 'x'
SELECT count(*) FROM staff GROUP BY count(*)
SELECT count(*) AS c FROM staff GROUP BY c
SELECT dept FROM staff GROUP BY dept HAVING count(*) > 1
SELECT dept FROM staff GROUP BY dept HAVING name = 'x'
SELECT dept FROM staff HAVING true
SELECT count(*) FROM staff WHERE count(*) > 1
SELECT * FROM staff JOIN dept ON count(*) > 1
SELECT sum(count(*)) FROM staff
SELECT sum(rank() OVER ()) FROM staff
SELECT count(DISTINCT dept), string_agg(name, ',' ORDER BY id DESC), array_agg(id), count(*) FILTER (WHERE id > 1) FROM staff
SELECT count(DISTINCT raw) FROM item
SELECT string_agg(DISTINCT name, ',' ORDER BY id) FROM staff
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY pay), mode() WITHIN GROUP (ORDER BY name) FROM staff
SELECT lower(DISTINCT name) FROM staff
SELECT lower(*) FROM staff
SELECT count() FROM staff
SELECT lower(name) OVER () FROM staff
SELECT lower(name) FILTER (WHERE true) FROM staff
SELECT nosuch(id) FROM staff
SELECT nosuch(id, 'x') FROM staff
SELECT lower(id) FROM staff
SELECT lower(name, id) FROM staff
SELECT pg_catalog.lower(name), pg_catalog.nosuch(name) FROM staff
SELECT nosuch.lower(name) FROM staff
SELECT dept, GROUPING(dept), count(*) FROM staff GROUP BY ROLLUP (dept, born)
SELECT GROUPING(name), count(*) FROM staff GROUP BY ROLLUP (dept)
SELECT dept, born, count(*) FROM staff GROUP BY GROUPING SETS ((dept), (born), ()), CUBE (boss)
SELECT (SELECT count(s.id)) FROM staff s
SELECT (SELECT s.name FROM dept LIMIT 1) FROM staff s GROUP BY s.dept
SELECT (SELECT sum(s.id) FROM dept d WHERE d.id = 1) FROM staff s
SELECT row_number() OVER (ORDER BY id), rank() OVER (PARTITION BY dept ORDER BY pay DESC), sum(pay) OVER w FROM staff WINDOW w AS (PARTITION BY dept)
SELECT rank() FROM staff
SELECT rank() OVER nope FROM staff
SELECT sum(sum(pay)) OVER (ORDER BY dept) FROM staff GROUP BY dept
SELECT sum(pay) OVER (ORDER BY dept ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM staff
SELECT sum(pay) OVER (ORDER BY dept ROWS 'x' PRECEDING) FROM staff
SELECT sum(pay) OVER (ORDER BY dept ROWS id PRECEDING) FROM staff
SELECT sum(pay) OVER (ORDER BY born RANGE '1 day' PRECEDING) FROM staff
SELECT sum(pay) OVER (RANGE 1 PRECEDING) FROM staff
SELECT sum(pay) OVER (GROUPS 1 PRECEDING) FROM staff
SELECT id FROM staff WHERE rank() OVER () > 1
SELECT rank() OVER (ORDER BY rank() OVER ()) FROM staff
SELECT rank() OVER (w PARTITION BY id) FROM staff WINDOW w AS (ORDER BY id)
SELECT rank() OVER (w ORDER BY id) FROM staff WINDOW w AS (ORDER BY id)
SELECT lag(pay) OVER (ORDER BY id), first_value(name) OVER (ORDER BY id), ntile(4) OVER (ORDER BY id) FROM staff
SELECT id FROM staff ORDER BY name
SELECT id AS x FROM staff ORDER BY x
SELECT id AS name FROM staff ORDER BY name
SELECT id FROM staff ORDER BY 2
SELECT id FROM staff ORDER BY 'x'
SELECT id, dept AS id FROM staff ORDER BY id
SELECT id FROM staff ORDER BY nope
SELECT id + 1 AS x FROM staff ORDER BY x + 1
SELECT raw FROM item ORDER BY raw
SELECT DISTINCT raw FROM item
SELECT DISTINCT dept FROM staff ORDER BY dept
SELECT DISTINCT dept FROM staff ORDER BY id
SELECT DISTINCT ON (dept) id, dept FROM staff ORDER BY dept, id
SELECT DISTINCT ON (dept) id FROM staff ORDER BY id
SELECT id FROM staff LIMIT 5 OFFSET '2'
SELECT id FROM staff LIMIT 'x'
SELECT id FROM staff LIMIT id
SELECT id FROM staff LIMIT true
SELECT id FROM staff FOR UPDATE
SELECT count(*) FROM staff FOR UPDATE
SELECT DISTINCT id FROM staff FOR UPDATE
SELECT dept FROM staff GROUP BY dept FOR SHARE
SELECT id FROM staff FOR UPDATE OF nope
SELECT 1 UNION SELECT 2.5
SELECT 'a' UNION SELECT 'b'
SELECT NULL UNION SELECT 1
SELECT 1 UNION SELECT 'x'
SELECT '1' UNION SELECT 2
SELECT 1 UNION SELECT true
SELECT 1, 2 UNION SELECT 1
SELECT id, name FROM staff UNION ALL SELECT id, name FROM dept ORDER BY 1, name LIMIT 3
SELECT id FROM staff UNION SELECT id FROM dept ORDER BY id + 1
SELECT id FROM staff UNION SELECT id FROM dept ORDER BY nope
SELECT id FROM staff INTERSECT SELECT 1 EXCEPT SELECT 2
SELECT raw FROM item UNION SELECT raw FROM item
VALUES (1, 'a'), (2.5, NULL)
VALUES (1), (2, 3)
VALUES (1), ('x')
VALUES (1), (true)
SELECT * FROM (VALUES (1, 'a')) AS v (x, y)
SELECT * FROM (VALUES (1, 'a')) AS v (x, y, z)
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT * FROM a, b
WITH a (p, q) AS (SELECT 1, 'x') SELECT q, p FROM a
WITH a (p, q, r) AS (SELECT 1, 'x') SELECT * FROM a
WITH a AS (SELECT 1), a AS (SELECT 2) SELECT * FROM a
WITH a AS (SELECT * FROM a) SELECT * FROM a
WITH RECURSIVE t (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t
WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1.5 FROM t) SELECT * FROM t
WITH RECURSIVE t AS (SELECT * FROM t) SELECT * FROM t
WITH RECURSIVE t (n) AS (SELECT n FROM t UNION SELECT 1) SELECT * FROM t
WITH RECURSIVE t (n) AS (SELECT 1 UNION SELECT a.n FROM t a, t b) SELECT * FROM t
WITH RECURSIVE t (n) AS (SELECT 1 UNION SELECT n FROM t ORDER BY 1) SELECT * FROM t
WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1 AS x) SELECT * FROM a
WITH x AS (INSERT INTO dept VALUES (1, 'a') RETURNING id, name) SELECT * FROM x
WITH x AS (DELETE FROM dept) SELECT * FROM x
SELECT * FROM (WITH x AS (DELETE FROM dept RETURNING *) SELECT * FROM x) y
SELECT * FROM generate_series(1, 3)
SELECT * FROM generate_series(1, 3) AS g
SELECT g.x, n FROM generate_series(1, 3) WITH ORDINALITY AS g (x, n)
SELECT * FROM unnest(ARRAY[1, 2], ARRAY['a', 'b']) AS u (a, b)
SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) AS r (a, b)
SELECT g FROM generate_series(1, 3) g
SELECT * FROM staff s, unnest(s.tags) AS tag
SELECT * FROM json_each('{}')
SELECT * FROM json_to_recordset('[]') AS x (a int, b text)
SELECT * FROM json_to_recordset('[]')
SELECT * FROM generate_series(1, 3) AS g (a int)
SELECT * FROM lower('X')
SELECT * FROM lower('X') AS l
SELECT generate_series(1, 3), 'x', generate_series(1, 2) + 1
SELECT id FROM staff WHERE generate_series(1, 2) > 1
SELECT count(generate_series(1, 2))
SELECT id, unnest(tags) FROM staff ORDER BY 2
SELECT * FROM rich
SELECT who, double FROM rich r WHERE r.id > 1
SELECT feeling, feeling = 'ok', feeling > 'sad' FROM staff
SELECT feeling = 'nope' FROM staff
SELECT data -> 'a' ->> 'b', data @> '{}', data ? 'x', raw -> 0 FROM item
SELECT at + interval '1 day', at::date, extract(year FROM at), at AT TIME ZONE 'UTC', date_trunc('day', at) FROM item
SELECT born - born, born + 1, born - '2000-01-01', now() - at FROM staff, item
SELECT substring(name FROM 1 FOR 2), position('a' IN name), trim(name), overlay(name PLACING 'x' FROM 1) FROM staff
SELECT current_date, current_timestamp, localtime, current_user, current_timestamp(3)
SELECT $1
SELECT $1::int, $2 + 1, name = $3 FROM staff
SELECT $1 + $2
SELECT $1 = $1
SELECT * FROM staff WHERE id = $1 AND name LIKE $2 AND dept IN ($3, $4) LIMIT $5
SELECT coalesce($1, 5), CASE WHEN $2 THEN 1 END
SELECT id = ANY ($1), name = ANY ($2::text[]) FROM staff
INSERT INTO dept VALUES (1, 'a', 'b')
INSERT INTO dept VALUES (1, 'a'), (2, DEFAULT)
INSERT INTO dept (id) VALUES (1, 2)
INSERT INTO dept (id, name) VALUES (1)
INSERT INTO dept (id, nope) VALUES (1, 2)
INSERT INTO dept (id, id) VALUES (1, 2)
INSERT INTO dept VALUES (1, 2, 3, 4)
INSERT INTO dept VALUES ('x', 'a')
INSERT INTO dept VALUES (true, 'a')
INSERT INTO dept SELECT id, name FROM staff
INSERT INTO dept SELECT '5', 'x'
INSERT INTO dept SELECT born FROM staff
INSERT INTO dept DEFAULT VALUES
INSERT INTO dept VALUES (1, 'a') RETURNING id, name AS n, *
INSERT INTO dept VALUES (1, 'a') RETURNING nope
INSERT INTO dept AS d VALUES (1, 'a') RETURNING d.id
INSERT INTO dept AS d VALUES (1, 'a') RETURNING dept.id
INSERT INTO nope VALUES (1)
INSERT INTO dept VALUES ($1, $2)
INSERT INTO item (order_id, price, at) VALUES ($1, $2, $3) RETURNING at
INSERT INTO auto (id) VALUES (1)
INSERT INTO auto (id) OVERRIDING SYSTEM VALUE VALUES (1)
INSERT INTO auto (id) VALUES (DEFAULT)
INSERT INTO auto (twice) VALUES (1)
INSERT INTO auto (other) VALUES (1)
INSERT INTO dept VALUES (1, 'a') ON CONFLICT DO NOTHING
INSERT INTO dept VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET name = excluded.name || dept.name
INSERT INTO dept VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET name = name || 'x'
INSERT INTO dept VALUES (1, 'a') ON CONFLICT (city) DO NOTHING
INSERT INTO dept VALUES (1, 'a') ON CONFLICT DO UPDATE SET name = 'x'
INSERT INTO auto (a) VALUES (1) ON CONFLICT ON CONSTRAINT auto_key DO NOTHING
INSERT INTO auto (a) VALUES (1) ON CONFLICT ON CONSTRAINT nope DO NOTHING
UPDATE dept SET name = 'x' WHERE id = 1
UPDATE dept SET name = 5
UPDATE dept SET id = 'x'
UPDATE dept SET id = true
UPDATE dept SET nope = 1
UPDATE dept SET id = 1, id = 2
UPDATE dept SET (id, name) = (1, 'x')
UPDATE dept SET (id, name) = (1, 'x', 3)
UPDATE dept SET (id, name) = (SELECT 1, 'x')
UPDATE dept SET name = DEFAULT
UPDATE dept d SET name = s.name FROM staff s WHERE s.dept = d.id RETURNING d.id, s.pay
UPDATE dept SET name = 'x' WHERE count(*) > 1
UPDATE dept SET name = max(name)
UPDATE dept SET name = $1 WHERE id = $2
UPDATE auto SET id = 5
UPDATE auto SET twice = 5
UPDATE auto SET twice = DEFAULT, id = DEFAULT
UPDATE nope SET a = 1
DELETE FROM dept WHERE id = 1 RETURNING *
DELETE FROM dept d USING staff s WHERE s.dept = d.id AND s.name = 'x'
DELETE FROM dept WHERE nope = 1
MERGE INTO dept d USING staff s ON d.id = s.dept WHEN MATCHED AND s.pay > 5 THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name)
MERGE INTO dept d USING staff s ON d.id = s.dept WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN DO NOTHING
MERGE INTO dept d USING staff s ON d.id = s.dept WHEN NOT MATCHED THEN INSERT (id) VALUES (d.id)
MERGE INTO dept d USING staff s ON d.id = s.dept WHEN MATCHED THEN DELETE WHEN MATCHED THEN DO NOTHING
