-- SEARCH and CYCLE of WITH RECURSIVE: in which order rows are found, and that it comes to an end.
-- session A
CREATE TABLE graph (f int, t int, label text);
INSERT INTO graph VALUES (1, 2, 'arc 1 -> 2'), (1, 3, 'arc 1 -> 3'), (2, 3, 'arc 2 -> 3'), (1, 4, 'arc 1 -> 4'), (4, 5, 'arc 4 -> 5');
WITH RECURSIVE search_graph(f, t, label) AS (SELECT * FROM graph g UNION ALL SELECT g.* FROM graph g, search_graph sg WHERE g.f = sg.t) SEARCH DEPTH FIRST BY f, t SET seq SELECT * FROM search_graph ORDER BY seq;
WITH RECURSIVE search_graph(f, t, label) AS (SELECT * FROM graph g UNION DISTINCT SELECT g.* FROM graph g, search_graph sg WHERE g.f = sg.t) SEARCH DEPTH FIRST BY f, t SET seq SELECT * FROM search_graph ORDER BY seq;
WITH RECURSIVE search_graph(f, t, label) AS (SELECT * FROM graph g UNION ALL SELECT g.* FROM graph g, search_graph sg WHERE g.f = sg.t) SEARCH BREADTH FIRST BY f, t SET seq SELECT * FROM search_graph ORDER BY seq;
WITH RECURSIVE test AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM test) SEARCH DEPTH FIRST BY x SET y SELECT * FROM test LIMIT 5;
WITH RECURSIVE test AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM test WHERE x < 4) SEARCH BREADTH FIRST BY x SET y SELECT x, y, (y).* IS NULL FROM test;
WITH RECURSIVE test AS (SELECT 1 AS x UNION ALL SELECT test.* FROM test WHERE x < 1) SEARCH BREADTH FIRST BY x SET y SELECT * FROM test;
INSERT INTO graph VALUES (5, 1, 'arc 5 -> 1');
WITH RECURSIVE search_graph(f, t, label) AS (SELECT * FROM graph g UNION ALL SELECT g.* FROM graph g, search_graph sg WHERE g.f = sg.t) CYCLE f, t SET is_cycle USING path SELECT * FROM search_graph ORDER BY path;
WITH RECURSIVE search_graph(f, t, label) AS (SELECT * FROM graph g UNION ALL SELECT g.* FROM graph g, search_graph sg WHERE g.f = sg.t) CYCLE f, t SET is_cycle TO 'Y' DEFAULT 'N' USING path SELECT * FROM search_graph ORDER BY path;
WITH RECURSIVE a AS (SELECT 1 AS b UNION ALL SELECT * FROM a) CYCLE b SET c USING p SELECT * FROM a;
WITH RECURSIVE a AS (SELECT 1 AS b UNION ALL SELECT * FROM a) SEARCH DEPTH FIRST BY b SET c CYCLE b SET d TO true DEFAULT false USING p SELECT * FROM a;
WITH RECURSIVE search_graph(f, t, label) AS (SELECT * FROM graph g UNION ALL SELECT g.* FROM graph g, search_graph sg WHERE g.f = sg.t) SEARCH DEPTH FIRST BY f, t SET seq CYCLE f, t SET is_cycle TO 1 DEFAULT 0 USING path SELECT f, t, is_cycle, seq = path AS same FROM search_graph ORDER BY seq;
WITH RECURSIVE search_graph(f, t, label) AS (SELECT * FROM graph g UNION ALL SELECT g.* FROM graph g, search_graph sg WHERE g.f = sg.t) SEARCH BREADTH FIRST BY f, t SET seq CYCLE f, t SET is_cycle TO 'Y'::text DEFAULT 'N' USING path SELECT * FROM search_graph ORDER BY seq;
-- In a view.
CREATE VIEW tree AS WITH RECURSIVE s(f, t, label) AS (SELECT * FROM graph g UNION ALL SELECT g.* FROM graph g, s WHERE g.f = s.t) SEARCH DEPTH FIRST BY f, t SET seq CYCLE f, t SET is_cycle USING path SELECT f, t, cardinality(seq) AS depth, is_cycle FROM s;
SELECT * FROM tree WHERE NOT is_cycle ORDER BY 1, 2, 3;
-- What is wrong.
WITH RECURSIVE s(f, t) AS (SELECT f, t FROM graph UNION ALL SELECT g.f, g.t FROM graph g, s WHERE g.f = s.t) SEARCH DEPTH FIRST BY foo, tar SET seq SELECT * FROM s;
WITH RECURSIVE s(f, t) AS (SELECT f, t FROM graph UNION ALL SELECT g.f, g.t FROM graph g, s WHERE g.f = s.t) SEARCH DEPTH FIRST BY f, f SET seq SELECT * FROM s;
WITH RECURSIVE s(f, t) AS (SELECT f, t FROM graph UNION ALL SELECT g.f, g.t FROM graph g, s WHERE g.f = s.t) CYCLE foo SET is_cycle USING path SELECT * FROM s;
WITH RECURSIVE s(f, t) AS (SELECT f, t FROM graph UNION ALL SELECT g.f, g.t FROM graph g, s WHERE g.f = s.t) CYCLE f, f SET is_cycle USING path SELECT * FROM s;
WITH RECURSIVE s(f, t) AS (SELECT f, t FROM graph UNION ALL SELECT g.f, g.t FROM graph g, s WHERE g.f = s.t) CYCLE f SET f USING path SELECT * FROM s;
WITH RECURSIVE s(f, t) AS (SELECT f, t FROM graph UNION ALL SELECT g.f, g.t FROM graph g, s WHERE g.f = s.t) CYCLE f SET foo USING foo SELECT * FROM s;
WITH RECURSIVE s(f, t) AS (SELECT f, t FROM graph UNION ALL SELECT g.f, g.t FROM graph g, s WHERE g.f = s.t) SEARCH DEPTH FIRST BY f SET foo CYCLE f SET foo USING path SELECT * FROM s;
WITH RECURSIVE s(f, t) AS (SELECT f, t FROM graph UNION ALL SELECT g.f, g.t FROM graph g, s WHERE g.f = s.t) SEARCH DEPTH FIRST BY f SET foo CYCLE f SET bar USING foo SELECT * FROM s;
WITH RECURSIVE s(f, t) AS (SELECT f, t FROM graph UNION ALL SELECT g.f, g.t FROM graph g, s WHERE g.f = s.t) CYCLE f SET is_cycle TO true DEFAULT 55 USING path SELECT * FROM s;
WITH s(f, t) AS (SELECT f, t FROM graph) SEARCH DEPTH FIRST BY f SET seq SELECT * FROM s;
WITH RECURSIVE s(f, t) AS (SELECT f, t FROM graph) SEARCH DEPTH FIRST BY f SET seq SELECT * FROM s;
WITH RECURSIVE s(f, t) AS (SELECT f, t FROM graph UNION ALL (SELECT f, t FROM graph UNION ALL SELECT g.f, g.t FROM graph g, s WHERE g.f = s.t)) SEARCH DEPTH FIRST BY f SET seq SELECT * FROM s;
WITH RECURSIVE s(f, t) AS (SELECT f, t FROM graph UNION ALL SELECT * FROM (SELECT s.f, s.t FROM s) x) SEARCH DEPTH FIRST BY f SET seq SELECT * FROM s;
CREATE VIEW v AS SELECT ROW(1, 2) AS r;
CREATE TABLE r AS SELECT ARRAY[ROW(1, 2)] AS r;
SELECT pg_get_viewdef('tree'::regclass) LIKE '%SEARCH DEPTH FIRST BY f, t SET seq%';
