-- Statements of a kind that is seldom written: each of them once ended in an internal error.
CREATE TABLE z (k int PRIMARY KEY, v text);
INSERT INTO z VALUES (1, 'a'), (2, 'b'), (3, 'c');
-- A WITH query that only the part after ON CONFLICT reads.
WITH aa AS (SELECT 1 AS a, 2 AS b) INSERT INTO z VALUES (1, 'insert') ON CONFLICT (k) DO UPDATE SET v = (SELECT b || ' update' FROM aa WHERE a = 1 LIMIT 1) RETURNING *;
WITH aa AS (SELECT 1 AS a, 2 AS b) MERGE INTO z USING (VALUES (1)) s (k) ON s.k = z.k WHEN MATCHED THEN UPDATE SET v = (SELECT b FROM aa);
WITH RECURSIVE t AS (INSERT INTO z SELECT * FROM t) VALUES (false);
-- Functions of many rows inside of each other, in GROUP BY, and beside subqueries.
SELECT generate_series(1, generate_series(1, 3));
SELECT generate_series(1, generate_series(1, 3)), generate_series(2, 4);
SELECT * FROM generate_series(1, generate_series(1, 3));
SELECT generate_series(1, 2) + (SELECT max(k) FROM z) AS a, k FROM z WHERE k < 3 ORDER BY 1, 2;
SELECT generate_series(1, k) + (SELECT count(*) FROM z y WHERE y.k < z.k) AS a, k FROM z ORDER BY 1, 2;
SELECT k, count(*), unnest('{1,1,3}'::int[]) AS u FROM z GROUP BY k, u ORDER BY 1, 2, 3;
SELECT count(*), k > 1 AS m, generate_series(1, 2) AS g FROM z GROUP BY CUBE (m, g) ORDER BY 2, 3;
SELECT sum(k) OVER (PARTITION BY generate_series(1, 2)) FROM z ORDER BY 1;
SELECT rank() OVER (ORDER BY 1), count(*) FROM z GROUP BY 1;
-- Direct arguments of ordered sets.
SELECT p, percentile_cont(p) WITHIN GROUP (ORDER BY x::float8) FROM generate_series(1, 5) x, (VALUES (0::float8), (0.1)) v (p) GROUP BY p ORDER BY p;
SELECT a, rank(a) WITHIN GROUP (ORDER BY b NULLS FIRST) FROM (VALUES (1, 1), (1, 4), (3, 1), (3, 2)) v (a, b) GROUP BY ROLLUP (a) ORDER BY a;
SELECT rank('3') WITHIN GROUP (ORDER BY x) FROM generate_series(1, 5) x;
SELECT rank('3', 4) WITHIN GROUP (ORDER BY x, y DESC) FROM generate_series(1, 5) x, generate_series(1, 5) y;
SELECT rank('fred') WITHIN GROUP (ORDER BY x) FROM generate_series(1, 5) x;
SELECT rank(x) WITHIN GROUP (ORDER BY x) FROM generate_series(1, 5) x;
SELECT rank(3) WITHIN GROUP (ORDER BY x) FROM (VALUES ('fred'), ('jim')) v (x);
SELECT rank(3) WITHIN GROUP (ORDER BY x, x) FROM (VALUES ('fred'), ('jim')) v (x);
SELECT array(SELECT percentile_disc(a) WITHIN GROUP (ORDER BY x) FROM (VALUES (0.3), (0.7)) v (a) GROUP BY a) FROM generate_series(1, 5) g (x);
-- RANGE with offsets of all kinds.
CREATE TABLE n (id int, f float8, n numeric, t time, z timestamptz, d date);
INSERT INTO n VALUES (0, '-infinity', '-infinity', '00:10', '-infinity', '2020-01-01'), (1, -3, -3, '01:00', '2000-10-19 10:23:54+01', '2020-01-02'), (2, 1.1, 1.1, '11:00', '2001-10-19 10:23:54+01', '2020-01-04'), (3, 2, 2, '23:30', '2002-10-19 10:23:54+01', '2020-01-05'), (4, 'infinity', 'infinity', NULL, 'infinity', NULL), (5, 'NaN', 'NaN', NULL, NULL, NULL), (6, NULL, NULL, NULL, NULL, NULL);
SELECT id, f, first_value(id) OVER w, last_value(id) OVER w FROM n WINDOW w AS (ORDER BY f RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING);
SELECT id, f, first_value(id) OVER w, last_value(id) OVER w FROM n WINDOW w AS (ORDER BY f DESC RANGE BETWEEN 'inf' PRECEDING AND 'inf' FOLLOWING);
SELECT id, n, first_value(id) OVER w, last_value(id) OVER w FROM n WINDOW w AS (ORDER BY n NULLS FIRST RANGE BETWEEN 4.1 PRECEDING AND 0.9 FOLLOWING);
SELECT id, n, first_value(id) OVER w, last_value(id) OVER w FROM n WINDOW w AS (ORDER BY n RANGE BETWEEN 'inf' PRECEDING AND 'inf' PRECEDING);
SELECT id, t, first_value(id) OVER w, last_value(id) OVER w FROM n WHERE id < 4 WINDOW w AS (ORDER BY t RANGE BETWEEN '1 day 1 hour' PRECEDING AND '13 hours' FOLLOWING);
SELECT id, z, first_value(id) OVER w, last_value(id) OVER w FROM n WHERE id < 5 WINDOW w AS (ORDER BY z DESC RANGE BETWEEN '1 year' PRECEDING AND CURRENT ROW);
SELECT id, d, first_value(id) OVER w, last_value(id) OVER w FROM n WHERE id < 4 WINDOW w AS (ORDER BY d RANGE BETWEEN '12 hours' PRECEDING AND '36 hours' FOLLOWING);
SELECT x, last_value(x) OVER (ORDER BY x RANGE BETWEEN CURRENT ROW AND 4 FOLLOWING) FROM generate_series(9223372036854775804, 9223372036854775806) x;
SELECT id, first_value(id) OVER (ORDER BY n RANGE 'NaN' PRECEDING) FROM n;
SELECT id, first_value(id) OVER (ORDER BY z RANGE '-1 day' PRECEDING) FROM n;
SELECT id, first_value(id) OVER (ORDER BY id RANGE 1.5 PRECEDING) FROM n;
-- Records whose fields no plan knows, rows as arguments, arrays of arrays.
CREATE FUNCTION pair() RETURNS record LANGUAGE sql AS 'SELECT 1, ''a b''::text';
SELECT pair(), pair() FROM z WHERE k < 3;
CREATE TYPE ii AS (a int, b int);
CREATE TYPE it AS (a int, b text);
SELECT row(1, 2)::ii < row(1, 3)::ii, row(1, 2)::ii < row(1, NULL)::ii;
SELECT row(1, 2)::ii < row(1, 'abc')::it;
SELECT row_to_json(z) FROM z ORDER BY k;
SELECT row_to_json(u) FROM unnest(array[(1, 'foo')::it, null::it]) u;
SELECT array(SELECT array['x', i::text] FROM generate_series(1, 3) i);
SELECT array_fill(1, array[[1, 2], [3, 4]]);
SELECT width_bucket(5, array[3, 4, NULL]);
SELECT width_bucket(5, array[array[1, 2], array[3, 4]]);
SELECT concat_ws(',', VARIADIC 10);
SELECT * FROM json_populate_recordset(row(0::int), '[{"a":"1","b":"2"},{"a":"3"}]') q (a text, b text);
SELECT * FROM jsonb_populate_recordset(row(0::int, 0::int), '[{"a":"1","b":"2"},{"a":"3"}]') q (a text, b text);
SELECT jsonb_path_query('["abc", "abd", "adc\nabc", "ab\nadc"]', 'lax $[*] ? (@ like_regex "^ab.*c" flag "m")');
-- System columns where there is no stored row.
CREATE TABLE sys (city text, CHECK (NOT (city = 'x' AND tableoid::regclass::text = 'sys')));
INSERT INTO sys VALUES ('y');
INSERT INTO sys VALUES ('x');
CREATE TABLE syz (city text, CHECK (ctid::text = ''));
CREATE INDEX ON sys ((ctid >= '(1000,0)'));
CREATE INDEX ON sys (city) WHERE ctid >= '(1000,0)';
-- Numbers at the ends of their range.
SELECT make_interval(secs => 'inf');
SELECT make_interval(secs => 'NaN');
SELECT round(((1 - 1.500012345678e-1000) ^ 1.45e1003) * 1e1000);
SELECT lcm(9999 * (10::numeric) ^ 131068 + (10::numeric ^ 131068 - 1), 2);
SELECT sum(x) FROM (VALUES (9 * 10::numeric ^ 131071), (9 * 10::numeric ^ 131071)) v (x);
SELECT (i / (10::numeric ^ 131071))::numeric(1, 0) FROM generate_series(6 * (10::numeric ^ 131071), 9 * (10::numeric ^ 131071), 10::numeric ^ 131071) a (i);
-- A domain that takes no NULL.
CREATE DOMAIN filled AS text NOT NULL;
CREATE TABLE td (a filled, b int);
COPY td FROM STDIN;
x	1
\N	1
\.
COPY td FROM STDIN;
x	\N
\.
SELECT * FROM td;
CREATE DOMAIN positive AS int CHECK (value > 0);
SELECT array_agg(x::positive) AS a, pg_typeof(array_agg(x::positive)) FROM generate_series(1, 3) x;
SELECT (array_agg(x::positive))[2] + 1 AS n FROM generate_series(1, 3) x;
-- A sequence as a table, and the limits of its type.
CREATE SEQUENCE small AS smallint;
SELECT nextval('small'), nextval('small');
SELECT * FROM small;
INSERT INTO small VALUES (1);
COPY small FROM STDIN;
\.
ALTER SEQUENCE small AS int;
SELECT min_value, max_value FROM pg_sequences WHERE sequencename = 'small';
ALTER SEQUENCE small MAXVALUE 100;
ALTER SEQUENCE small AS bigint;
SELECT min_value, max_value FROM pg_sequences WHERE sequencename = 'small';
ALTER SEQUENCE small AS smallint MAXVALUE 40000;
-- Tables of one name in two schemas.
CREATE SCHEMA other;
CREATE TABLE other.z (k int);
INSERT INTO other.z VALUES (2);
SELECT public.z.v, other.z.k FROM public.z JOIN other.z ON public.z.k = other.z.k;
SELECT z.k FROM public.z, other.z;
SELECT 1 FROM public.z, other.z AS z;
