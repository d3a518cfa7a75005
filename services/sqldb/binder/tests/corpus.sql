SELECT 1
-- ?column? integer
SELECT 1 AS x, 'two', 3.5, NULL, true, 10000000000, -5, 99999999999999999999
-- x integer, ?column? text, ?column? numeric, ?column? text, ?column? boolean, ?column? bigint, ?column? integer, ?column? numeric
SELECT id, name FROM staff
-- id integer, name text
SELECT * FROM staff
-- id integer, name text, pay numeric(10,2), dept integer, born date, boss integer, tags text[], feeling mood
SELECT s.* FROM staff s
-- id integer, name text, pay numeric(10,2), dept integer, born date, boss integer, tags text[], feeling mood
SELECT staff FROM staff
-- staff staff
SELECT s.name, d.name FROM staff s, dept d WHERE s.dept = d.id
-- name text, name character varying(20)
SELECT * FROM staff JOIN dept ON staff.dept = dept.id
-- id integer, name text, pay numeric(10,2), dept integer, born date, boss integer, tags text[], feeling mood, id integer, name character varying(20), city character(3)
SELECT * FROM staff s LEFT JOIN dept d USING (id)
-- id integer, name text, pay numeric(10,2), dept integer, born date, boss integer, tags text[], feeling mood, name character varying(20), city character(3)
SELECT id FROM staff s LEFT JOIN dept d USING (id)
-- id integer
SELECT name FROM staff s FULL JOIN dept d USING (id, name)
-- name text
SELECT * FROM staff NATURAL JOIN dept
-- id integer, name text, pay numeric(10,2), dept integer, born date, boss integer, tags text[], feeling mood, city character(3)
SELECT * FROM staff s CROSS JOIN dept d
-- id integer, name text, pay numeric(10,2), dept integer, born date, boss integer, tags text[], feeling mood, id integer, name character varying(20), city character(3)
SELECT x.a, x.b FROM (staff s JOIN dept d ON true) AS x (a, b)
-- a integer, b text
SELECT j.id FROM staff JOIN dept USING (id) AS j
-- id integer
SELECT id FROM staff, dept
-- 42702 at 7: column reference "id" is ambiguous
SELECT nope FROM staff
-- 42703 at 7: column "nope" does not exist HINT: Perhaps you meant to reference the column "staff.name".
SELECT nam FROM staff
-- 42703 at 7: column "nam" does not exist HINT: Perhaps you meant to reference the column "staff.name".
SELECT s.nam FROM staff s
-- 42703 at 7: column s.nam does not exist HINT: Perhaps you meant to reference the column "s.name".
SELECT staff.id FROM staff s
-- 42P01 at 7: invalid reference to FROM-clause entry for table "staff" HINT: Perhaps you meant to reference the table alias "s".
SELECT x.id FROM staff s
-- 42P01 at 7: missing FROM-clause entry for table "x"
SELECT t.id FROM staff s, (SELECT s.id) t
-- 42P01 at 34: invalid reference to FROM-clause entry for table "s" HINT: There is an entry for table "s", but it cannot be referenced from this part of the query.
SELECT t.id FROM staff s, LATERAL (SELECT s.id) t
-- id integer
SELECT * FROM nope
-- 42P01 at 14: relation "nope" does not exist
SELECT * FROM public.nope
-- 42P01 at 14: relation "public.nope" does not exist
SELECT * FROM nope.staff
-- 42P01 at 14: relation "nope.staff" does not exist
SELECT public.staff.id FROM staff
-- id integer
SELECT public.staff.id FROM public.staff
-- id integer
SELECT * FROM staff, staff
-- 42712 at -1: table name "staff" specified more than once
SELECT * FROM staff a, staff a
-- 42712 at -1: table name "a" specified more than once
SELECT 1 + 'x'
-- 22P02 at 11: invalid input syntax for type integer: "x"
SELECT 1 + '2'
-- ?column? integer
SELECT '1' + '2'
-- 42725 at 11: operator is not unique: unknown + unknown HINT: Could not choose a best candidate operator. You might need to add explicit type casts.
SELECT 1 + 2.5, 1.5::float8 + 1, 1::bigint + 1, 1::smallint + 1, 2 ^ 3
-- ?column? numeric, ?column? double precision, ?column? bigint, ?column? integer, ?column? double precision
SELECT 1 || 'a', 'a' || 'b', 'a' || 1, ARRAY[1] || 2, ARRAY[1] || ARRAY[2]
-- ?column? text, ?column? text, ?column? text, ?column? integer[], ?column? integer[]
SELECT id + name FROM staff
-- 42883 at 10: operator does not exist: integer + text HINT: No operator matches the given name and argument types. You might need to add explicit type casts.
SELECT -name FROM staff
-- 42883 at 7: operator does not exist: - text HINT: No operator matches the given name and argument type. You might need to add an explicit type cast.
SELECT id = '5', name = 'x', born = '2000-01-01', pay > 5 FROM staff
-- ?column? boolean, ?column? boolean, ?column? boolean, ?column? boolean
SELECT id = 'abc' FROM staff
-- 22P02 at 12: invalid input syntax for type integer: "abc"
SELECT born = 'nonsense' FROM staff
-- 22007 at 14: invalid input syntax for type date: "nonsense"
SELECT name LIKE 'a%', name NOT LIKE 'b' ESCAPE '!', name ILIKE 'c', name SIMILAR TO 'd' FROM staff
-- ?column? boolean, ?column? boolean, ?column? boolean, ?column? boolean
SELECT id BETWEEN 1 AND 2, id NOT BETWEEN SYMMETRIC 3 AND 4 FROM staff
-- ?column? boolean, ?column? boolean
SELECT id IN (1, 2, 3), name IN ('a', 'b'), id NOT IN (1, 2), pay IN (1, 2.5) FROM staff
-- ?column? boolean, ?column? boolean, ?column? boolean, ?column? boolean
SELECT id IN (1, dept, 3) FROM staff
-- ?column? boolean
SELECT id IN (1, 'x') FROM staff
-- 22P02 at 17: invalid input syntax for type integer: "x"
SELECT (id, dept) IN ((1, 2), (3, 4)), (id, name) = (1, 'x'), (id, dept) < (1, 2) FROM staff
-- ?column? boolean, ?column? boolean, ?column? boolean
SELECT (id, dept) = (1, 2, 3) FROM staff
-- 42601 at 18: unequal number of entries in row expressions
SELECT id IS NULL, name IS NOT NULL, (id > 1) IS TRUE, (id > 1) IS NOT UNKNOWN FROM staff
-- ?column? boolean, ?column? boolean, ?column? boolean, ?column? boolean
SELECT id IS TRUE FROM staff
-- 42804 at 7: argument of IS TRUE must be type boolean, not type integer
SELECT id IS DISTINCT FROM dept, id IS NOT DISTINCT FROM NULL, (id, dept) IS DISTINCT FROM (1, 2) FROM staff
-- ?column? boolean, ?column? boolean, ?column? boolean
SELECT NOT id FROM staff
-- 42804 at 11: argument of NOT must be type boolean, not type integer
SELECT id AND true FROM staff
-- 42804 at 7: argument of AND must be type boolean, not type integer
SELECT true AND 'yes', 'no' OR false
-- ?column? boolean, ?column? boolean
SELECT CASE WHEN id > 1 THEN 1 ELSE 2.5 END, CASE id WHEN 1 THEN 'a' WHEN 2 THEN 'b' END, CASE WHEN true THEN NULL END FROM staff
-- case numeric, case text, case text
SELECT CASE WHEN id THEN 1 END FROM staff
-- 42804 at 17: argument of CASE/WHEN must be type boolean, not type integer
SELECT CASE WHEN true THEN 1 ELSE 'x' END
-- 22P02 at 34: invalid input syntax for type integer: "x"
SELECT CASE WHEN true THEN 1 ELSE true END
-- 42804 at 27: CASE types boolean and integer cannot be matched
SELECT coalesce(id, 0), coalesce(name, 'x'), coalesce(NULL, NULL), nullif(id, 1), greatest(1, 2.5), least('a', 'b') FROM staff
-- coalesce integer, coalesce text, coalesce text, nullif integer, greatest numeric, least text
SELECT coalesce(id, name) FROM staff
-- 42804 at 20: COALESCE types integer and text cannot be matched
SELECT id::text, name::int, '5'::int, CAST(pay AS int), born::text, 'x'::varchar(3), 1::numeric(5, 2) FROM staff
-- id text, name integer, int4 integer, pay integer, born text, varchar character varying(3), numeric numeric(5,2)
SELECT name::date::int FROM staff
-- 42846 at 17: cannot cast type date to integer
SELECT id::date FROM staff
-- 42846 at 9: cannot cast type integer to date
SELECT 'x'::nosuch
-- 42704 at 12: type "nosuch" does not exist
SELECT 'x'::int
-- 22P02 at 7: invalid input syntax for type integer: "x"
SELECT int '5', date '2000-01-01', numeric '1.5', interval '1 day', timestamp with time zone '2000-01-01'
-- int4 integer, date date, numeric numeric, interval interval, timestamptz timestamp with time zone
SELECT ARRAY[1, 2], ARRAY[1, 2.5], ARRAY['a', 'b'], ARRAY[[1], [2]], ARRAY[]::int[], ARRAY[NULL]
-- array integer[], array numeric[], array text[], array integer[], array integer[], array text[]
SELECT ARRAY[]
-- 42P18 at 7: cannot determine type of empty array HINT: Explicitly cast to the desired type, for example ARRAY[]::integer[].
SELECT ARRAY[1, 'x']
-- 22P02 at 16: invalid input syntax for type integer: "x"
SELECT tags[1], tags[1:2], (ARRAY[1, 2])[1] FROM staff
-- tags text, tags text[], array integer
SELECT id[1] FROM staff
-- 42804 at 7: cannot subscript type integer because it does not support subscripting
SELECT tags['x'] FROM staff
-- 22P02 at 12: invalid input syntax for type integer: "x"
SELECT ROW(1, 2), (1, 'a'), ROW(id, name) FROM staff
-- row record, row record, row record
SELECT (s).name, (s.*).id FROM staff s
-- name text, id integer
SELECT (s).nope FROM staff s
-- 42703 at 8: column s.nope does not exist
SELECT (1).x
-- 42809 at 8: column notation .x applied to type integer, which is not a composite type
SELECT id IN (SELECT id FROM dept), EXISTS (SELECT 1), (SELECT max(id) FROM dept), ARRAY(SELECT id FROM dept) FROM staff
-- ?column? boolean, exists boolean, max integer, array integer[]
SELECT (SELECT id, name FROM dept)
-- 42601 at 7: subquery must return only one column
SELECT id IN (SELECT id, name FROM dept) FROM staff
-- 42601 at 10: subquery has too many columns
SELECT (id, name) IN (SELECT id, name FROM dept), (id, dept) = (SELECT 1, 2) FROM staff
-- ?column? boolean, ?column? boolean
SELECT (id, name) IN (SELECT id FROM dept) FROM staff
-- 42601 at 18: subquery has too few columns
SELECT id = ANY (ARRAY[1, 2]), id > ALL ('{1,2}'), name = ANY (tags), id < ANY (SELECT id FROM dept) FROM staff
-- ?column? boolean, ?column? boolean, ?column? boolean, ?column? boolean
SELECT id = ANY (5) FROM staff
-- 42809 at 10: op ANY/ALL (array) requires array on right side
SELECT id = ANY (name) FROM staff
-- 42809 at 10: op ANY/ALL (array) requires array on right side
SELECT count(*), count(id), sum(id), sum(pay), avg(id), max(name), min(born) FROM staff
-- count bigint, count bigint, sum bigint, sum numeric, avg numeric, max text, min date
SELECT dept, count(*) FROM staff GROUP BY dept
-- dept integer, count bigint
SELECT dept, name FROM staff GROUP BY dept
-- 42803 at 13: column "staff.name" must appear in the GROUP BY clause or be used in an aggregate function
SELECT name, count(*) FROM staff
-- 42803 at 7: column "staff.name" must appear in the GROUP BY clause or be used in an aggregate function
SELECT id, name FROM staff GROUP BY id
-- id integer, name text
SELECT s.id, s.name, d.name FROM staff s, dept d GROUP BY s.id
-- 42803 at 21: column "d.name" must appear in the GROUP BY clause or be used in an aggregate function
SELECT dept + 1, count(*) FROM staff GROUP BY dept + 1
-- ?column? integer, count bigint
SELECT dept + 2, count(*) FROM staff GROUP BY dept + 1
-- 42803 at 7: column "staff.dept" must appear in the GROUP BY clause or be used in an aggregate function
SELECT dept AS d, count(*) FROM staff GROUP BY d
-- d integer, count bigint
SELECT dept, count(*) FROM staff GROUP BY 1
-- dept integer, count bigint
SELECT dept, count(*) FROM staff GROUP BY 3
-- 42P10 at 42: GROUP BY position 3 is not in select list
SELECT dept, count(*) FROM staff GROUP BY 'x'
-- 42601 at 42: non-integer constant in GROUP BY
SELECT count(*) FROM staff GROUP BY count(*)
-- 42803 at 36: aggregate functions are not allowed in GROUP BY
SELECT count(*) AS c FROM staff GROUP BY c
-- 42803 at 7: aggregate functions are not allowed in GROUP BY
SELECT dept FROM staff GROUP BY dept HAVING count(*) > 1
-- dept integer
SELECT dept FROM staff GROUP BY dept HAVING name = 'x'
-- 42803 at 44: column "staff.name" must appear in the GROUP BY clause or be used in an aggregate function
SELECT dept FROM staff HAVING true
-- 42803 at 7: column "staff.dept" must appear in the GROUP BY clause or be used in an aggregate function
SELECT count(*) FROM staff WHERE count(*) > 1
-- 42803 at 33: aggregate functions are not allowed in WHERE
SELECT * FROM staff JOIN dept ON count(*) > 1
-- 42803 at 33: aggregate functions are not allowed in JOIN conditions
SELECT sum(count(*)) FROM staff
-- 42803 at 11: aggregate function calls cannot be nested
SELECT sum(rank() OVER ()) FROM staff
-- 42803 at 11: aggregate function calls cannot contain window function calls
SELECT count(DISTINCT dept), string_agg(name, ',' ORDER BY id DESC), array_agg(id), count(*) FILTER (WHERE id > 1) FROM staff
-- count bigint, string_agg text, array_agg integer[], count bigint
SELECT count(DISTINCT raw) FROM item
-- 42883 at 22: could not identify an equality operator for type json
SELECT string_agg(DISTINCT name, ',' ORDER BY id) FROM staff
-- 42P10 at 46: in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY pay), mode() WITHIN GROUP (ORDER BY name) FROM staff
-- percentile_cont double precision, mode text
SELECT lower(DISTINCT name) FROM staff
-- 42809 at 7: DISTINCT specified, but lower is not an aggregate function
SELECT lower(*) FROM staff
-- 42883 at 7: function lower() does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT count() FROM staff
-- 42809 at 7: count(*) must be used to call a parameterless aggregate function
SELECT lower(name) OVER () FROM staff
-- 42809 at 7: OVER specified, but lower is not a window function nor an aggregate function
SELECT lower(name) FILTER (WHERE true) FROM staff
-- 42809 at 7: FILTER specified, but lower is not an aggregate function
SELECT nosuch(id) FROM staff
-- 42883 at 7: function nosuch(integer) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT nosuch(id, 'x') FROM staff
-- 42883 at 7: function nosuch(integer, unknown) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT lower(id) FROM staff
-- 42883 at 7: function lower(integer) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT lower(name, id) FROM staff
-- 42883 at 7: function lower(text, integer) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT pg_catalog.lower(name), pg_catalog.nosuch(name) FROM staff
-- 42883 at 31: function pg_catalog.nosuch(text) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT nosuch.lower(name) FROM staff
-- 3F000 at 7: schema "nosuch" does not exist
SELECT dept, GROUPING(dept), count(*) FROM staff GROUP BY ROLLUP (dept, born)
-- dept integer, grouping integer, count bigint
SELECT GROUPING(name), count(*) FROM staff GROUP BY ROLLUP (dept)
-- 42803 at 16: arguments to GROUPING must be grouping expressions of the associated query level
SELECT dept, born, count(*) FROM staff GROUP BY GROUPING SETS ((dept), (born), ()), CUBE (boss)
-- dept integer, born date, count bigint
SELECT (SELECT count(s.id)) FROM staff s
-- count bigint
SELECT (SELECT s.name FROM dept LIMIT 1) FROM staff s GROUP BY s.dept
-- 42803 at 15: subquery uses ungrouped column "s.name" from outer query
SELECT (SELECT sum(s.id) FROM dept d WHERE d.id = 1) FROM staff s
-- sum bigint
SELECT row_number() OVER (ORDER BY id), rank() OVER (PARTITION BY dept ORDER BY pay DESC), sum(pay) OVER w FROM staff WINDOW w AS (PARTITION BY dept)
-- row_number bigint, rank bigint, sum numeric
SELECT rank() FROM staff
-- 42809 at 7: window function rank requires an OVER clause
SELECT rank() OVER nope FROM staff
-- 42704 at 19: window "nope" does not exist
SELECT sum(sum(pay)) OVER (ORDER BY dept) FROM staff GROUP BY dept
-- sum numeric
SELECT sum(pay) OVER (ORDER BY dept ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM staff
-- sum numeric
SELECT sum(pay) OVER (ORDER BY dept ROWS 'x' PRECEDING) FROM staff
-- 22P02 at 41: invalid input syntax for type bigint: "x"
SELECT sum(pay) OVER (ORDER BY dept ROWS id PRECEDING) FROM staff
-- 42P10 at 41: argument of ROWS must not contain variables
SELECT sum(pay) OVER (ORDER BY born RANGE '1 day' PRECEDING) FROM staff
-- sum numeric
SELECT sum(pay) OVER (RANGE 1 PRECEDING) FROM staff
-- 42P20 at 21: RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column
SELECT sum(pay) OVER (GROUPS 1 PRECEDING) FROM staff
-- 42P20 at 21: GROUPS mode requires an ORDER BY clause
SELECT id FROM staff WHERE rank() OVER () > 1
-- 42P20 at 27: window functions are not allowed in WHERE
SELECT rank() OVER (ORDER BY rank() OVER ()) FROM staff
-- 42P20 at 29: window functions are not allowed in window definitions
SELECT rank() OVER (w PARTITION BY id) FROM staff WINDOW w AS (ORDER BY id)
-- 42P20 at 19: cannot override PARTITION BY clause of window "w"
SELECT rank() OVER (w ORDER BY id) FROM staff WINDOW w AS (ORDER BY id)
-- 42P20 at 19: cannot override ORDER BY clause of window "w"
SELECT lag(pay) OVER (ORDER BY id), first_value(name) OVER (ORDER BY id), ntile(4) OVER (ORDER BY id) FROM staff
-- lag numeric, first_value text, ntile integer
SELECT id FROM staff ORDER BY name
-- id integer
SELECT id AS x FROM staff ORDER BY x
-- x integer
SELECT id AS name FROM staff ORDER BY name
-- name integer
SELECT id FROM staff ORDER BY 2
-- 42P10 at 30: ORDER BY position 2 is not in select list
SELECT id FROM staff ORDER BY 'x'
-- 42601 at 30: non-integer constant in ORDER BY
SELECT id, dept AS id FROM staff ORDER BY id
-- 42702 at 42: ORDER BY "id" is ambiguous
SELECT id FROM staff ORDER BY nope
-- 42703 at 30: column "nope" does not exist HINT: Perhaps you meant to reference the column "staff.name".
SELECT id + 1 AS x FROM staff ORDER BY x + 1
-- 42703 at 39: column "x" does not exist
SELECT raw FROM item ORDER BY raw
-- 42883 at 30: could not identify an ordering operator for type json HINT: Use an explicit ordering operator or modify the query.
SELECT DISTINCT raw FROM item
-- 42883 at 16: could not identify an equality operator for type json
SELECT DISTINCT dept FROM staff ORDER BY dept
-- dept integer
SELECT DISTINCT dept FROM staff ORDER BY id
-- 42P10 at 41: for SELECT DISTINCT, ORDER BY expressions must appear in select list
SELECT DISTINCT ON (dept) id, dept FROM staff ORDER BY dept, id
-- id integer, dept integer
SELECT DISTINCT ON (dept) id FROM staff ORDER BY id
-- 42P10 at 20: SELECT DISTINCT ON expressions must match initial ORDER BY expressions
SELECT id FROM staff LIMIT 5 OFFSET '2'
-- id integer
SELECT id FROM staff LIMIT 'x'
-- 22P02 at 27: invalid input syntax for type bigint: "x"
SELECT id FROM staff LIMIT id
-- 42P10 at 27: argument of LIMIT must not contain variables
SELECT id FROM staff LIMIT true
-- 42804 at 27: argument of LIMIT must be type bigint, not type boolean
SELECT id FROM staff FOR UPDATE
-- id integer
SELECT count(*) FROM staff FOR UPDATE
-- 0A000 at -1: FOR UPDATE is not allowed with aggregate functions
SELECT DISTINCT id FROM staff FOR UPDATE
-- 0A000 at -1: FOR UPDATE is not allowed with DISTINCT clause
SELECT dept FROM staff GROUP BY dept FOR SHARE
-- 0A000 at -1: FOR SHARE is not allowed with GROUP BY clause
SELECT id FROM staff FOR UPDATE OF nope
-- 42P01 at 35: relation "nope" in FOR UPDATE clause not found in FROM clause
SELECT 1 UNION SELECT 2.5
-- ?column? numeric
SELECT 'a' UNION SELECT 'b'
-- ?column? text
SELECT NULL UNION SELECT 1
-- ?column? integer
SELECT 1 UNION SELECT 'x'
-- 22P02 at 22: invalid input syntax for type integer: "x"
SELECT '1' UNION SELECT 2
-- ?column? integer
SELECT 1 UNION SELECT true
-- 42804 at 22: UNION types integer and boolean cannot be matched
SELECT 1, 2 UNION SELECT 1
-- 42601 at 25: each UNION query must have the same number of columns
SELECT id, name FROM staff UNION ALL SELECT id, name FROM dept ORDER BY 1, name LIMIT 3
-- id integer, name text
SELECT id FROM staff UNION SELECT id FROM dept ORDER BY id + 1
-- 0A000 at 56: invalid UNION/INTERSECT/EXCEPT ORDER BY clause DETAIL: Only result column names can be used, not expressions or functions. HINT: Add the expression/function to every SELECT, or move the UNION into a FROM clause.
SELECT id FROM staff UNION SELECT id FROM dept ORDER BY nope
-- 42703 at 56: column "nope" does not exist
SELECT id FROM staff INTERSECT SELECT 1 EXCEPT SELECT 2
-- id integer
SELECT raw FROM item UNION SELECT raw FROM item
-- 42883 at 7: could not identify an equality operator for type json
VALUES (1, 'a'), (2.5, NULL)
-- column1 numeric, column2 text
VALUES (1), (2, 3)
-- 42601 at 13: VALUES lists must all be the same length
VALUES (1), ('x')
-- 22P02 at 13: invalid input syntax for type integer: "x"
VALUES (1), (true)
-- 42804 at 13: VALUES types integer and boolean cannot be matched
SELECT * FROM (VALUES (1, 'a')) AS v (x, y)
-- x integer, y text
SELECT * FROM (VALUES (1, 'a')) AS v (x, y, z)
-- 42P10 at -1: table "v" has 2 columns available but 3 columns specified
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT * FROM a, b
-- x integer, y integer
WITH a (p, q) AS (SELECT 1, 'x') SELECT q, p FROM a
-- q text, p integer
WITH a (p, q, r) AS (SELECT 1, 'x') SELECT * FROM a
-- 42P10 at 5: WITH query "a" has 2 columns available but 3 columns specified
WITH a AS (SELECT 1), a AS (SELECT 2) SELECT * FROM a
-- 42712 at 22: WITH query name "a" specified more than once
WITH a AS (SELECT * FROM a) SELECT * FROM a
-- 42P01 at 25: relation "a" does not exist DETAIL: There is a WITH item named "a", but it cannot be referenced from this part of the query. HINT: Use WITH RECURSIVE, or re-order the WITH items to remove forward references.
WITH RECURSIVE t (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t
-- sum bigint
WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1.5 FROM t) SELECT * FROM t
-- 42804 at 32: recursive query "t" column 1 has type integer in non-recursive term but type numeric overall HINT: Cast the output of the non-recursive term to the correct type.
WITH RECURSIVE t AS (SELECT * FROM t) SELECT * FROM t
-- 42P19 at 15: recursive query "t" does not have the form non-recursive-term UNION [ALL] recursive-term
WITH RECURSIVE t (n) AS (SELECT n FROM t UNION SELECT 1) SELECT * FROM t
-- 42P19 at 39: recursive reference to query "t" must not appear within its non-recursive term
WITH RECURSIVE t (n) AS (SELECT 1 UNION SELECT a.n FROM t a, t b) SELECT * FROM t
-- 42P19 at 61: recursive reference to query "t" must not appear more than once
WITH RECURSIVE t (n) AS (SELECT 1 UNION SELECT n FROM t ORDER BY 1) SELECT * FROM t
-- 0A000 at 65: ORDER BY in a recursive query is not implemented
WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1 AS x) SELECT * FROM a
-- x integer
WITH x AS (INSERT INTO dept VALUES (1, 'a') RETURNING id, name) SELECT * FROM x
-- id integer, name character varying(20)
WITH x AS (DELETE FROM dept) SELECT * FROM x
-- 0A000 at 43: WITH query "x" does not have a RETURNING clause
SELECT * FROM (WITH x AS (DELETE FROM dept RETURNING *) SELECT * FROM x) y
-- 0A000 at 20: WITH clause containing a data-modifying statement must be at the top level
SELECT * FROM generate_series(1, 3)
-- generate_series integer
SELECT * FROM generate_series(1, 3) AS g
-- g integer
SELECT g.x, n FROM generate_series(1, 3) WITH ORDINALITY AS g (x, n)
-- x integer, n bigint
SELECT * FROM unnest(ARRAY[1, 2], ARRAY['a', 'b']) AS u (a, b)
-- a integer, b text
SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) AS r (a, b)
-- a integer, b integer
SELECT g FROM generate_series(1, 3) g
-- g integer
SELECT * FROM staff s, unnest(s.tags) AS tag
-- id integer, name text, pay numeric(10,2), dept integer, born date, boss integer, tags text[], feeling mood, tag text
SELECT * FROM json_each('{}')
-- key text, value json
SELECT * FROM json_to_recordset('[]') AS x (a int, b text)
-- a integer, b text
SELECT * FROM json_to_recordset('[]')
-- 42601 at 14: a column definition list is required for functions returning "record"
SELECT * FROM generate_series(1, 3) AS g (a int)
-- 42601 at 42: a column definition list is only allowed for functions returning "record"
SELECT * FROM lower('X')
-- lower text
SELECT * FROM lower('X') AS l
-- l text
SELECT generate_series(1, 3), 'x', generate_series(1, 2) + 1
-- generate_series integer, ?column? text, ?column? integer
SELECT id FROM staff WHERE generate_series(1, 2) > 1
-- 0A000 at 27: set-returning functions are not allowed in WHERE
SELECT count(generate_series(1, 2))
-- 0A000 at 13: aggregate function calls cannot contain set-returning function calls HINT: You might be able to move the set-returning function into a LATERAL FROM item.
SELECT id, unnest(tags) FROM staff ORDER BY 2
-- id integer, unnest text
SELECT * FROM rich
-- id integer, who text, double numeric
SELECT who, double FROM rich r WHERE r.id > 1
-- who text, double numeric
SELECT feeling, feeling = 'ok', feeling > 'sad' FROM staff
-- feeling mood, ?column? boolean, ?column? boolean
SELECT feeling = 'nope' FROM staff
-- 22P02 at 17: invalid input value for enum mood: "nope"
SELECT data -> 'a' ->> 'b', data @> '{}', data ? 'x', raw -> 0 FROM item
-- ?column? text, ?column? boolean, ?column? boolean, ?column? json
SELECT at + interval '1 day', at::date, extract(year FROM at), at AT TIME ZONE 'UTC', date_trunc('day', at) FROM item
-- ?column? timestamp with time zone, at date, extract numeric, timezone timestamp without time zone, date_trunc timestamp with time zone
SELECT born - born, born + 1, born - '2000-01-01', now() - at FROM staff, item
-- ?column? integer, ?column? date, ?column? integer, ?column? interval
SELECT substring(name FROM 1 FOR 2), position('a' IN name), trim(name), overlay(name PLACING 'x' FROM 1) FROM staff
-- substring text, position integer, btrim text, overlay text
SELECT current_date, current_timestamp, localtime, current_user, current_timestamp(3)
-- current_date date, current_timestamp timestamp with time zone, localtime time without time zone, current_user name, current_timestamp timestamp(3) with time zone
SELECT $1
-- ?column? text | $1 text
SELECT $1::int, $2 + 1, name = $3 FROM staff
-- int4 integer, ?column? integer, ?column? boolean | $1 integer, $2 integer, $3 text
SELECT $1 + $2
-- 42725 at 10: operator is not unique: unknown + unknown HINT: Could not choose a best candidate operator. You might need to add explicit type casts.
SELECT $1 = $1
-- ?column? boolean | $1 text
SELECT * FROM staff WHERE id = $1 AND name LIKE $2 AND dept IN ($3, $4) LIMIT $5
-- id integer, name text, pay numeric(10,2), dept integer, born date, boss integer, tags text[], feeling mood | $1 integer, $2 text, $3 integer, $4 integer, $5 bigint
SELECT coalesce($1, 5), CASE WHEN $2 THEN 1 END
-- coalesce integer, case integer | $1 integer, $2 boolean
SELECT id = ANY ($1), name = ANY ($2::text[]) FROM staff
-- ?column? boolean, ?column? boolean | $1 integer[], $2 text[]
INSERT INTO dept VALUES (1, 'a', 'b')
--
INSERT INTO dept VALUES (1, 'a'), (2, DEFAULT)
--
INSERT INTO dept (id) VALUES (1, 2)
-- 42601 at 33: INSERT has more expressions than target columns
INSERT INTO dept (id, name) VALUES (1)
-- 42601 at 22: INSERT has more target columns than expressions
INSERT INTO dept (id, nope) VALUES (1, 2)
-- 42703 at 22: column "nope" of relation "dept" does not exist
INSERT INTO dept (id, id) VALUES (1, 2)
-- 42701 at 22: column "id" specified more than once
INSERT INTO dept VALUES (1, 2, 3, 4)
-- 42601 at 34: INSERT has more expressions than target columns
INSERT INTO dept VALUES ('x', 'a')
-- 22P02 at 25: invalid input syntax for type integer: "x"
INSERT INTO dept VALUES (true, 'a')
-- 42804 at 25: column "id" is of type integer but expression is of type boolean HINT: You will need to rewrite or cast the expression.
INSERT INTO dept SELECT id, name FROM staff
--
INSERT INTO dept SELECT '5', 'x'
--
INSERT INTO dept SELECT born FROM staff
-- 42804 at 24: column "id" is of type integer but expression is of type date HINT: You will need to rewrite or cast the expression.
INSERT INTO dept DEFAULT VALUES
--
INSERT INTO dept VALUES (1, 'a') RETURNING id, name AS n, *
-- id integer, n character varying(20), id integer, name character varying(20), city character(3)
INSERT INTO dept VALUES (1, 'a') RETURNING nope
-- 42703 at 43: column "nope" does not exist HINT: Perhaps you meant to reference the column "dept.name".
INSERT INTO dept AS d VALUES (1, 'a') RETURNING d.id
-- id integer
INSERT INTO dept AS d VALUES (1, 'a') RETURNING dept.id
-- 42P01 at 48: invalid reference to FROM-clause entry for table "dept" HINT: Perhaps you meant to reference the table alias "d".
INSERT INTO nope VALUES (1)
-- 42P01 at 12: relation "nope" does not exist
INSERT INTO dept VALUES ($1, $2)
-- | $1 integer, $2 character varying
INSERT INTO item (order_id, price, at) VALUES ($1, $2, $3) RETURNING at
-- at timestamp with time zone | $1 bigint, $2 double precision, $3 timestamp with time zone
INSERT INTO auto (id) VALUES (1)
-- 428C9 at -1: cannot insert a non-DEFAULT value into column "id" DETAIL: Column "id" is an identity column defined as GENERATED ALWAYS. HINT: Use OVERRIDING SYSTEM VALUE to override.
INSERT INTO auto (id) OVERRIDING SYSTEM VALUE VALUES (1)
--
INSERT INTO auto (id) VALUES (DEFAULT)
--
INSERT INTO auto (twice) VALUES (1)
-- 428C9 at -1: cannot insert a non-DEFAULT value into column "twice" DETAIL: Column "twice" is a generated column.
INSERT INTO auto (other) VALUES (1)
--
INSERT INTO dept VALUES (1, 'a') ON CONFLICT DO NOTHING
--
INSERT INTO dept VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET name = excluded.name || dept.name
--
INSERT INTO dept VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET name = name || 'x'
-- 42702 at 71: column reference "name" is ambiguous
INSERT INTO dept VALUES (1, 'a') ON CONFLICT (city) DO NOTHING
-- 42P10 at -1: there is no unique or exclusion constraint matching the ON CONFLICT specification
INSERT INTO dept VALUES (1, 'a') ON CONFLICT DO UPDATE SET name = 'x'
-- 42601 at 33: ON CONFLICT DO UPDATE requires inference specification or constraint name HINT: For example, ON CONFLICT (column_name).
INSERT INTO auto (a) VALUES (1) ON CONFLICT ON CONSTRAINT auto_key DO NOTHING
--
INSERT INTO auto (a) VALUES (1) ON CONFLICT ON CONSTRAINT nope DO NOTHING
-- 42704 at -1: constraint "nope" for table "auto" does not exist
UPDATE dept SET name = 'x' WHERE id = 1
--
UPDATE dept SET name = 5
--
UPDATE dept SET id = 'x'
-- 22P02 at 21: invalid input syntax for type integer: "x"
UPDATE dept SET id = true
-- 42804 at 21: column "id" is of type integer but expression is of type boolean HINT: You will need to rewrite or cast the expression.
UPDATE dept SET nope = 1
-- 42703 at 16: column "nope" of relation "dept" does not exist
UPDATE dept SET id = 1, id = 2
-- 42601 at -1: multiple assignments to same column "id"
UPDATE dept SET (id, name) = (1, 'x')
--
UPDATE dept SET (id, name) = (1, 'x', 3)
-- 42601 at 29: number of columns does not match number of values
UPDATE dept SET (id, name) = (SELECT 1, 'x')
--
UPDATE dept SET name = DEFAULT
--
UPDATE dept d SET name = s.name FROM staff s WHERE s.dept = d.id RETURNING d.id, s.pay
-- id integer, pay numeric(10,2)
UPDATE dept SET name = 'x' WHERE count(*) > 1
-- 42803 at 33: aggregate functions are not allowed in WHERE
UPDATE dept SET name = max(name)
-- 42803 at 23: aggregate functions are not allowed in UPDATE
UPDATE dept SET name = $1 WHERE id = $2
-- | $1 character varying, $2 integer
UPDATE auto SET id = 5
-- 428C9 at -1: column "id" can only be updated to DEFAULT DETAIL: Column "id" is an identity column defined as GENERATED ALWAYS.
UPDATE auto SET twice = 5
-- 428C9 at -1: column "twice" can only be updated to DEFAULT DETAIL: Column "twice" is a generated column.
UPDATE auto SET twice = DEFAULT, id = DEFAULT
--
UPDATE nope SET a = 1
-- 42P01 at 7: relation "nope" does not exist
DELETE FROM dept WHERE id = 1 RETURNING *
-- id integer, name character varying(20), city character(3)
DELETE FROM dept d USING staff s WHERE s.dept = d.id AND s.name = 'x'
--
DELETE FROM dept WHERE nope = 1
-- 42703 at 23: column "nope" does not exist HINT: Perhaps you meant to reference the column "dept.name".
MERGE INTO dept d USING staff s ON d.id = s.dept WHEN MATCHED AND s.pay > 5 THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name)
--
MERGE INTO dept d USING staff s ON d.id = s.dept WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN DO NOTHING
--
MERGE INTO dept d USING staff s ON d.id = s.dept WHEN NOT MATCHED THEN INSERT (id) VALUES (d.id)
-- 42P01 at 91: invalid reference to FROM-clause entry for table "d" HINT: There is an entry for table "d", but it cannot be referenced from this part of the query.
MERGE INTO dept d USING staff s ON d.id = s.dept WHEN MATCHED THEN DELETE WHEN MATCHED THEN DO NOTHING
-- 42601 at -1: unreachable WHEN clause specified after unconditional WHEN clause
SELECT 'a' < 'b', NULL = 1, NULL IS NULL, 'x' IN ('x', 'y'), NULL IN (NULL)
-- ?column? boolean, ?column? boolean, ?column? boolean, ?column? boolean, ?column? boolean
SELECT id, name FROM staff WHERE 'x'
-- 22P02 at 33: invalid input syntax for type boolean: "x"
SELECT id FROM staff WHERE id
-- 42804 at 27: argument of WHERE must be type boolean, not type integer
SELECT id FROM staff WHERE NULL
-- id integer
SELECT id FROM staff HAVING id > 1
-- 42803 at 7: column "staff.id" must appear in the GROUP BY clause or be used in an aggregate function
SELECT max(id) FROM staff HAVING max(id) > 1 ORDER BY max(pay)
-- max integer
SELECT dept, max(id) FROM staff GROUP BY dept ORDER BY count(*) DESC, name
-- 42803 at 70: column "staff.name" must appear in the GROUP BY clause or be used in an aggregate function
SELECT dept d, sum(pay) OVER (PARTITION BY dept ORDER BY id) FROM staff ORDER BY sum(pay) OVER (PARTITION BY dept ORDER BY id)
-- d integer, sum numeric
SELECT s.* FROM staff s GROUP BY s.id
-- id integer, name text, pay numeric(10,2), dept integer, born date, boss integer, tags text[], feeling mood
SELECT s.*, count(*) FROM staff s GROUP BY s.dept
-- 42803 at 7: column "s.id" must appear in the GROUP BY clause or be used in an aggregate function
SELECT s FROM staff s GROUP BY s.id
-- s staff
SELECT s FROM staff s GROUP BY s
-- s staff
SELECT count(s.*), count(s) FROM staff s
-- count bigint, count bigint
SELECT ctid, tableoid, s.xmin FROM staff s
-- ctid tid, tableoid oid, xmin xid
SELECT xmin, count(*) FROM staff GROUP BY dept
-- 42803 at 7: column "staff.xmin" must appear in the GROUP BY clause or be used in an aggregate function
SELECT dept FROM staff GROUP BY staff.dept, (name)
-- dept integer
SELECT upper(name) FROM staff GROUP BY upper(name)
-- upper text
SELECT upper(name) || 'x' FROM staff GROUP BY upper(name)
-- ?column? text
SELECT name FROM staff GROUP BY upper(name)
-- 42803 at 7: column "staff.name" must appear in the GROUP BY clause or be used in an aggregate function
SELECT a.id FROM staff a JOIN staff b ON a.id = c.id JOIN staff c ON true
-- 42P01 at 48: missing FROM-clause entry for table "c"
SELECT a.id FROM staff a JOIN (staff b JOIN staff c ON a.id = b.id) ON true
-- 42P01 at 55: invalid reference to FROM-clause entry for table "a" HINT: There is an entry for table "a", but it cannot be referenced from this part of the query.
SELECT * FROM staff a LEFT JOIN LATERAL (SELECT a.id AS x) b ON true
-- id integer, name text, pay numeric(10,2), dept integer, born date, boss integer, tags text[], feeling mood, x integer
SELECT * FROM staff a RIGHT JOIN LATERAL (SELECT a.id AS x) b ON true
-- 42P10 at 49: invalid reference to FROM-clause entry for table "a" DETAIL: The combining JOIN type must be INNER or LEFT for a LATERAL reference.
SELECT * FROM staff a, (SELECT 1 WHERE a.id = 1) b
-- 42P01 at 39: invalid reference to FROM-clause entry for table "a" HINT: There is an entry for table "a", but it cannot be referenced from this part of the query.
SELECT * FROM (SELECT 1 AS a, 2 AS a) x WHERE a = 1
-- 42702 at 46: column reference "a" is ambiguous
SELECT x.a FROM (SELECT 1 AS a, 2 AS a) x
-- 42702 at 7: column reference "a" is ambiguous
SELECT * FROM staff JOIN dept USING (nope)
-- 42703 at -1: column "nope" specified in USING clause does not exist in left table
SELECT * FROM staff JOIN dept USING (boss)
-- 42703 at -1: column "boss" specified in USING clause does not exist in right table
SELECT * FROM staff JOIN dept USING (id, id)
-- 42701 at -1: column name "id" appears more than once in USING clause
SELECT * FROM dept a JOIN dept b ON a.id = b.id JOIN staff USING (id)
-- 42702 at -1: common column name "id" appears more than once in left table
SELECT a.*, b.* FROM dept a NATURAL FULL JOIN dept b
-- id integer, name character varying(20), city character(3), id integer, name character varying(20), city character(3)
SELECT name FROM dept a NATURAL FULL JOIN dept b ORDER BY name
-- name character varying(20)
SELECT staff.name FROM staff, dept staff
-- 42712 at -1: table name "staff" specified more than once
SELECT * FROM dept d (a, b) WHERE d.city = 'x' AND a = 1
-- a integer, b character varying(20), city character(3)
SELECT * FROM dept d (a, b, c, e)
-- 42P10 at -1: table "d" has 3 columns available but 4 columns specified
SELECT (SELECT 1 FROM dept WHERE dept.id = staff.dept AND nope = 1) FROM staff
-- 42703 at 58: column "nope" does not exist HINT: Perhaps you meant to reference the column "dept.name" or the column "staff.name".
SELECT EXISTS (SELECT * FROM dept WHERE id = staff.id)
-- 42P01 at 45: missing FROM-clause entry for table "staff"
SELECT array_agg(x) FROM (VALUES (1), (2)) v (x)
-- array_agg integer[]
SELECT array_agg(ROW(id, name)) FROM staff
-- array_agg record[]
SELECT array_agg(tags) FROM staff
-- array_agg text[]
SELECT unnest(tags) AS t, count(*) FROM staff GROUP BY t
-- t text, count bigint
SELECT sum(name) FROM staff
-- 42883 at 7: function sum(text) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT avg(born) FROM staff
-- 42883 at 7: function avg(date) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT max(raw) FROM item
-- 42883 at 7: function max(json) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT string_agg(name) FROM staff
-- 42883 at 7: function string_agg(text) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT string_agg(name, 5) FROM staff
-- 42883 at 7: function string_agg(text, integer) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT min(feeling), max(tags), bool_and(id > 1), every(true), count(feeling) FROM staff
-- min mood, max text[], bool_and boolean, every boolean, count bigint
SELECT array_length(tags, 1), cardinality(tags), array_to_string(tags, ','), 'a' = ANY (tags), tags || 'x', tags @> ARRAY['x'] FROM staff
-- 22P02 at 103: malformed array literal: "x" DETAIL: Array value must start with "{" or dimension information.
SELECT array_append(tags, 5) FROM staff
-- 42883 at 7: function array_append(text[], integer) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT ARRAY[1] = ARRAY[1.5], ARRAY['a'] || NULL, NULL || ARRAY[1]
-- 42883 at 16: operator does not exist: integer[] = numeric[] HINT: No operator matches the given name and argument types. You might need to add explicit type casts.
SELECT round(pay, 1), round(pay), abs(-5), power(2, 3), mod(5, 2), ceil(1.5), sqrt(2), floor(pay::float8) FROM staff
-- round numeric, round numeric, abs integer, power double precision, mod integer, ceil numeric, sqrt double precision, floor double precision
SELECT now() - interval '1 day' < at, at > '2020-01-01', at BETWEEN '2020-01-01' AND now() FROM item
-- ?column? boolean, ?column? boolean, ?column? boolean
SELECT date '2020-01-01' < timestamp '2020-01-01', date '2020-01-01' - date '2019-01-01', time '10:00' + interval '1 hour'
-- ?column? boolean, ?column? integer, ?column? time without time zone
SELECT born + interval '1 day', age(born), to_char(born, 'YYYY'), extract(dow FROM born), date_part('year', born) FROM staff
-- ?column? timestamp without time zone, age interval, to_char text, extract numeric, date_part double precision
SELECT 5 / 2, 5 % 2, 5.0 / 2, 2::smallint * 3::bigint, 1::real + 1, -'5', - '5'::int, +3
-- 42725 at 68: operator is not unique: - unknown HINT: Could not choose a best candidate operator. You might need to add explicit type casts.
SELECT 1 = '1', '1' = '1', 1 = 1.5, 'a'::char(3) = 'a', 'a'::varchar || 'b'::char(2)
-- ?column? boolean, ?column? boolean, ?column? boolean, ?column? boolean, ?column? text
SELECT 1::bool, true::int, 'yes'::bool, 1.5::int, '2020-01-01'::timestamptz::date, 5::bigint::smallint
-- bool boolean, int4 integer, bool boolean, int4 integer, date date, int2 smallint
SELECT true::bigint
-- 42846 at 11: cannot cast type boolean to bigint
SELECT '{1,2}'::int[], '{a}'::text[][], 'sad'::mood, NULL::mood, '(1,2)'::text
-- int4 integer[], text text[], mood mood, mood mood, text text
SELECT 'nope'::mood
-- 22P02 at 7: invalid input value for enum mood: "nope"
SELECT feeling::text, 'sad'::text::mood, feeling || 'x' FROM staff
-- feeling text, mood mood, ?column? text
SELECT data, data -> 'a' -> 0, data #>> '{a,b}', data || '{}', data - 'a', jsonb_array_length(data), data['a'] FROM item
-- data jsonb, ?column? jsonb, ?column? text, ?column? jsonb, ?column? jsonb, jsonb_array_length integer, data jsonb
SELECT raw = raw FROM item
-- 42883 at 11: operator does not exist: json = json HINT: No operator matches the given name and argument types. You might need to add explicit type casts.
SELECT to_json(s), row_to_json(s), jsonb_build_object('a', 1, 'b', name) FROM staff s
-- to_json json, row_to_json json, jsonb_build_object jsonb
SELECT (ROW(1, 'a')).f1, (ROW(id, name)).* FROM staff
-- f1 integer, f1 integer, f2 text
SELECT (s.*) IS NULL, s IS NOT NULL, s = s, ROW(1, 2) = ROW(1, 2), ROW(1, NULL) IS NULL FROM staff s
-- ?column? boolean, ?column? boolean, ?column? boolean, ?column? boolean, ?column? boolean
SELECT (1, 2) IN (SELECT 1, 2), ROW(1) = ROW(2), (1, 2) BETWEEN (0, 0) AND (5, 5)
-- ?column? boolean, ?column? boolean, ?column? boolean
SELECT (1, 2) = 5
-- 42883 at 14: operator does not exist: record = integer HINT: No operator matches the given name and argument types. You might need to add explicit type casts.
SELECT ROW() = ROW()
-- 0A000 at 13: cannot compare rows of zero length
SELECT 1 IN (SELECT 'x')
-- 42883 at 9: operator does not exist: integer = text HINT: No operator matches the given name and argument types. You might need to add explicit type casts.
SELECT name IN (SELECT id FROM dept) FROM staff
-- 42883 at 12: operator does not exist: text = integer HINT: No operator matches the given name and argument types. You might need to add explicit type casts.
SELECT 1 < ALL (SELECT name FROM staff)
-- 42883 at 9: operator does not exist: integer < text HINT: No operator matches the given name and argument types. You might need to add explicit type casts.
SELECT (SELECT id FROM dept) + 1, (SELECT name FROM dept) || 'x'
-- ?column? integer, ?column? text
SELECT nullif('a', 1), nullif(1, 'a')
-- 22P02 at 14: invalid input syntax for type integer: "a"
SELECT nullif(1, true)
-- 42883 at 7: operator does not exist: integer = boolean HINT: No operator matches the given name and argument types. You might need to add explicit type casts.
SELECT greatest(1, 'x')
-- 22P02 at 19: invalid input syntax for type integer: "x"
SELECT CASE id WHEN 'x' THEN 1 END FROM staff
-- 22P02 at 20: invalid input syntax for type integer: "x"
SELECT CASE WHEN true THEN 'a' ELSE name END, CASE WHEN true THEN born ELSE '2020-01-01' END, CASE WHEN true THEN 1 WHEN false THEN 1::bigint ELSE 1::smallint END FROM staff
-- name text, case date, case bigint
SELECT DISTINCT ON (1) dept, id FROM staff ORDER BY 1, 2
-- dept integer, id integer
SELECT DISTINCT ON (upper(name)) name FROM staff ORDER BY upper(name), id
-- name text
SELECT DISTINCT name, dept FROM staff ORDER BY upper(name)
-- 42P10 at 47: for SELECT DISTINCT, ORDER BY expressions must appear in select list
SELECT DISTINCT upper(name) FROM staff ORDER BY upper(name)
-- upper text
SELECT id FROM staff ORDER BY id USING >, name USING <
-- id integer
SELECT id FROM staff FETCH FIRST 5 ROWS WITH TIES
-- 42601 at -1: WITH TIES cannot be specified without ORDER BY clause
SELECT id FROM staff ORDER BY id FETCH FIRST $1 ROWS ONLY
-- id integer | $1 bigint
SELECT id FROM staff LIMIT $1 OFFSET $2
-- id integer | $1 bigint, $2 bigint
SELECT id FROM staff LIMIT (SELECT 5)
-- id integer
SELECT id FROM staff LIMIT count(*)
-- 42803 at 27: aggregate functions are not allowed in LIMIT
SELECT id, count(*) OVER () FROM staff FOR UPDATE
-- 0A000 at -1: FOR UPDATE is not allowed with window functions
SELECT s.id FROM staff s LEFT JOIN dept d ON true FOR UPDATE OF s
-- id integer
SELECT 1 UNION SELECT 2 FOR UPDATE
-- 0A000 at -1: FOR UPDATE is not allowed with UNION/INTERSECT/EXCEPT
SELECT id FROM staff UNION SELECT name FROM dept
-- 42804 at 34: UNION types integer and character varying cannot be matched
SELECT id, 'x' FROM staff UNION SELECT 1, NULL UNION SELECT 2, 'z' ORDER BY 2
-- id integer, ?column? text
SELECT NULL UNION ALL SELECT NULL UNION ALL SELECT 1
-- 42804 at 51: UNION types text and integer cannot be matched
SELECT 'a' UNION ALL (SELECT 'b' UNION ALL SELECT 1)
-- 22P02 at 29: invalid input syntax for type integer: "b"
(SELECT 1 AS x ORDER BY x) UNION ALL (SELECT 2 LIMIT 1) ORDER BY x
-- x integer
SELECT pay FROM staff UNION SELECT 1.5 UNION SELECT pay FROM staff
-- pay numeric
SELECT name FROM dept UNION SELECT city FROM dept
-- name character varying
SELECT name FROM dept UNION SELECT name FROM dept
-- name character varying(20)
VALUES (1, DEFAULT)
-- 42601 at 11: DEFAULT is not allowed in this context
VALUES ('a'), (NULL), (name)
-- 42703 at 23: column "name" does not exist
WITH a AS (SELECT 1 AS x) SELECT (SELECT x FROM a), (WITH a AS (SELECT 'z' AS x) SELECT x FROM a)
-- x integer, x text
WITH a AS (SELECT 1 AS x) SELECT a.y FROM a
-- 42703 at 33: column a.y does not exist
WITH a AS (SELECT 1) INSERT INTO dept SELECT * FROM a RETURNING name
-- name character varying(20)
WITH RECURSIVE t AS (SELECT 1 AS n, 'a' AS s UNION ALL SELECT n + 1, s || 'b' FROM t WHERE n < 3) SELECT * FROM t
-- n integer, s text
WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT d.id FROM dept d LEFT JOIN t ON true) SELECT * FROM t
-- 42P19 at 78: recursive reference to query "t" must not appear within an outer join
WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT 2 WHERE EXISTS (SELECT * FROM t)) SELECT * FROM t
-- 42P19 at 81: recursive reference to query "t" must not appear within a subquery
WITH RECURSIVE t (n) AS (SELECT 1 EXCEPT SELECT n FROM t) SELECT * FROM t
-- 42P19 at 15: recursive query "t" does not have the form non-recursive-term UNION [ALL] recursive-term
WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT * FROM a
-- 0A000 at 15: mutual recursion between WITH items is not implemented
WITH RECURSIVE t (n) AS (VALUES ('a') UNION ALL SELECT n || 'b' FROM t) SELECT * FROM t
-- n text
SELECT * FROM generate_series(1, 2) a, generate_series(a, 3) b
-- a integer, b integer
SELECT a.a, b FROM generate_series(1, 2) a, LATERAL (SELECT a.a * 2 AS b) c
-- a integer, b integer
SELECT * FROM generate_series('2020-01-01'::date, '2020-01-03', '1 day')
-- generate_series timestamp with time zone
SELECT * FROM unnest(1)
-- 42883 at 14: function unnest(integer) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT * FROM nosuch(1)
-- 42883 at 14: function nosuch(integer) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT * FROM upper('x') WITH ORDINALITY
-- upper text, ordinality bigint
SELECT * FROM json_each_text('{}') j WHERE j.key = 'x'
-- key text, value text
SELECT key FROM jsonb_each('{}'), jsonb_array_elements('[]') e WHERE e.value IS NULL
-- key text
SELECT value FROM json_array_elements('[]') WITH ORDINALITY
-- value json
SELECT coalesce(generate_series(1, 2), 5)
-- 0A000 at 16: set-returning functions are not allowed in COALESCE HINT: You might be able to move the set-returning function into a LATERAL FROM item.
SELECT CASE WHEN true THEN generate_series(1, 2) END
-- 0A000 at 27: set-returning functions are not allowed in CASE HINT: You might be able to move the set-returning function into a LATERAL FROM item.
SELECT current_user, session_user, current_database(), current_schema, current_schema(), version()
-- current_user name, session_user name, current_database name, current_schema name, current_schema name, version text
SELECT make_interval(days => 3, hours => 2), make_interval(3)
-- make_interval interval, make_interval interval
SELECT make_interval(nope => 3)
-- 42883 at 7: function make_interval(nope => integer) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT make_interval(days => 3, 5)
-- 42601 at 32: positional argument cannot follow named argument
SELECT format('%s', VARIADIC ARRAY['a']), concat('a', 1, NULL), concat_ws(',', 'a', 'b'), greatest(VARIADIC ARRAY[1])
-- 42601 at 99: syntax error at or near "VARIADIC"
SELECT count(*) FILTER (WHERE count(*) > 1) FROM staff
-- 42803 at 30: aggregate functions are not allowed in FILTER
SELECT count(*) FILTER (WHERE id) FROM staff
-- 42804 at 30: argument of FILTER must be type boolean, not type integer
SELECT rank(5) WITHIN GROUP (ORDER BY id), percentile_disc(0.5) WITHIN GROUP (ORDER BY name) FROM staff
-- rank bigint, percentile_disc text
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY name) FROM staff
-- 42883 at 7: function percentile_cont(numeric, text) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT count(*) WITHIN GROUP (ORDER BY id) FROM staff
-- 42809 at 7: count is not an ordered-set aggregate, so it cannot have WITHIN GROUP
SELECT sum(id) OVER (PARTITION BY raw) FROM item i, staff
-- 42883 at 34: could not identify an equality operator for type json
SELECT sum(id) OVER (ORDER BY id RANGE BETWEEN 1.5 PRECEDING AND 2 FOLLOWING) FROM staff
-- 0A000 at 47: RANGE with offset PRECEDING/FOLLOWING is not supported for column type integer and offset type numeric HINT: Cast the offset value to an appropriate type.
SELECT sum(id) OVER (ORDER BY name RANGE 1 PRECEDING) FROM staff
-- 0A000 at 41: RANGE with offset PRECEDING/FOLLOWING is not supported for column type text
SELECT sum(id) OVER (ORDER BY id ROWS -1 PRECEDING) FROM staff
-- sum bigint
SELECT row_number(5) OVER () FROM staff
-- 42883 at 7: function row_number(integer) does not exist HINT: No function matches the given name and argument types. You might need to add explicit type casts.
SELECT nth_value(name, 2) OVER (ORDER BY id), lead(name, 1, 'x') OVER w, cume_dist() OVER w FROM staff WINDOW w AS (ORDER BY id), w2 AS (w)
-- nth_value text, lead text, cume_dist double precision
SELECT 1 FROM staff WINDOW w AS (ORDER BY id), w AS (ORDER BY id)
-- 42P20 at 52: window "w" is already defined
SELECT rank() OVER w2 FROM staff WINDOW w AS (PARTITION BY dept), w2 AS (w ORDER BY id)
-- rank bigint
SELECT $2::text
-- 42P18 at -1: could not determine data type of parameter $1
SELECT $1::int + $1::bigint
-- ?column? bigint | $1 integer
SELECT $1 || 'x', upper($2), $3 + 1.5, -$4 FROM staff WHERE born > $5 AND feeling = $6
-- 42725 at 39: operator is not unique: - unknown HINT: Could not choose a best candidate operator. You might need to add explicit type casts.
SELECT $1 IS NULL
-- 42P18 at -1: could not determine data type of parameter $1
SELECT $1 IN (1, 2), 3 IN ($2, $3), $4 BETWEEN 1 AND 5, ($5, $6) = (1, 'x'), $7 LIKE 'x'
-- ?column? boolean, ?column? boolean, ?column? boolean, ?column? boolean, ?column? boolean | $1 integer, $2 integer, $3 integer, $4 integer, $5 integer, $6 text, $7 text
SELECT ARRAY[$1, 1], ROW($2, 1), $3::text || $4
-- 42P18 at -1: could not determine data type of parameter $2
SELECT id FROM staff WHERE ($1::int IS NULL OR id = $1)
-- id integer | $1 integer
INSERT INTO staff (id, name, pay, born, tags, feeling) VALUES ($1, $2, $3, $4, $5, $6)
-- | $1 integer, $2 text, $3 numeric, $4 date, $5 text[], $6 mood
INSERT INTO staff (id, name) SELECT $1, $2
-- | $1 integer, $2 text
INSERT INTO staff (id, name) SELECT $1, name FROM dept WHERE id = $2
-- | $1 integer, $2 integer
INSERT INTO staff (id, name) VALUES ($1, $2), ($3, upper($4))
-- | $1 integer, $2 text, $3 integer, $4 text
UPDATE staff SET pay = pay * $1, tags = $2, feeling = $3 WHERE name = ANY ($4)
-- | $1 numeric, $2 text[], $3 mood, $4 text[]
INSERT INTO staff (id, name, feeling) VALUES (1, 'x', 'nope')
-- 22P02 at 54: invalid input value for enum mood: "nope"
INSERT INTO staff (id, name, born) VALUES (1, 'x', 5)
-- 42804 at 51: column "born" is of type date but expression is of type integer HINT: You will need to rewrite or cast the expression.
INSERT INTO staff (id, name) SELECT 1, 'x' UNION SELECT '2', 'y'
--
INSERT INTO staff (id, name, born) SELECT 1, 'x', NULL UNION SELECT 2, 'y', NULL
-- 42804 at 50: column "born" is of type date but expression is of type text HINT: You will need to rewrite or cast the expression.
INSERT INTO staff (name, id) TABLE dept
-- 42601 at -1: INSERT has more expressions than target columns
INSERT INTO staff (id, name) VALUES (1, 'x') RETURNING staff, (SELECT count(*) FROM dept), tableoid
-- staff staff, count bigint, tableoid oid
INSERT INTO staff (id, name) VALUES (1, 'x') RETURNING count(*)
-- 42803 at 55: aggregate functions are not allowed in RETURNING
INSERT INTO staff (id, name) VALUES (count(*), 'x')
-- 42803 at 37: aggregate functions are not allowed in VALUES
INSERT INTO staff (id, name) VALUES ((SELECT max(id) FROM dept), DEFAULT)
--
INSERT INTO dept VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET name = excluded.nope
-- 42703 at 71: column excluded.nope does not exist HINT: Perhaps you meant to reference the column "excluded.name".
INSERT INTO dept VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET (name, city) = (excluded.name, 'x') WHERE dept.id > excluded.id RETURNING dept.name
-- name character varying(20)
INSERT INTO dept AS d VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET name = d.name || dept.name
-- 42P01 at 86: invalid reference to FROM-clause entry for table "dept" HINT: Perhaps you meant to reference the table alias "d".
INSERT INTO dept VALUES (1, 'a') ON CONFLICT (name) DO UPDATE SET id = excluded.id + $1
-- | $1 integer
INSERT INTO dept VALUES (1, 'a') RETURNING excluded.id
-- 42P01 at 43: missing FROM-clause entry for table "excluded"
UPDATE staff SET tags = ARRAY['x'], born = '2020-01-01', feeling = 'ok', pay = pay + 1 RETURNING *
-- id integer, name text, pay numeric(10,2), dept integer, born date, boss integer, tags text[], feeling mood
UPDATE staff SET born = 5
-- 42804 at 24: column "born" is of type date but expression is of type integer HINT: You will need to rewrite or cast the expression.
UPDATE staff s SET s.name = 'x'
-- 42703 at 19: column "s" of relation "staff" does not exist
UPDATE staff SET name = s2.name FROM staff s2 WHERE s2.id = staff.boss RETURNING staff.name, s2.name, *
-- name text, name text, id integer, name text, pay numeric(10,2), dept integer, born date, boss integer, tags text[], feeling mood, id integer, name text, pay numeric(10,2), dept integer, born date, boss integer, tags text[], feeling mood
UPDATE staff SET name = name FROM staff s2
-- 42702 at 24: column reference "name" is ambiguous
UPDATE staff SET name = 'x' FROM staff
-- 42712 at -1: table name "staff" specified more than once
UPDATE staff SET (id, name) = (SELECT 1)
-- 42601 at 30: number of columns does not match number of values
UPDATE staff SET (id, name) = 5
-- 0A000 at 30: source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression
UPDATE staff SET name = (SELECT d.name FROM dept d WHERE d.id = staff.dept)
--
UPDATE staff SET name = DEFAULT WHERE name = DEFAULT
-- 42601 at 45: DEFAULT is not allowed in this context
DELETE FROM staff s WHERE staff.id = 1
-- 42P01 at 26: invalid reference to FROM-clause entry for table "staff" HINT: Perhaps you meant to reference the table alias "s".
DELETE FROM staff WHERE id IN (SELECT dept FROM staff s WHERE s.boss = staff.id) RETURNING id, name AS n
-- id integer, n text
DELETE FROM staff USING dept WHERE dept.id = staff.dept AND name = 'x'
-- 42702 at 60: column reference "name" is ambiguous
MERGE INTO dept d USING (SELECT 1 AS id) s ON d.id = s.id WHEN MATCHED THEN UPDATE SET nope = 1
-- 42703 at 87: column "nope" of relation "dept" does not exist
MERGE INTO dept USING dept ON true WHEN MATCHED THEN DELETE
-- 42712 at -1: name "dept" specified more than once DETAIL: The name is used both as MERGE target table and data source.
MERGE INTO dept d USING staff s ON d.id = s.id WHEN NOT MATCHED THEN INSERT VALUES (1, 2, 3, 4)
-- 42601 at 93: INSERT has more expressions than target columns
MERGE INTO dept d USING staff s ON d.id = s.id WHEN MATCHED AND count(*) > 1 THEN DELETE
-- 42803 at 64: aggregate functions are not allowed in MERGE WHEN conditions
