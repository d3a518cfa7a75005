-- LATERAL: the right side is run for each row of the left one, and may speak of it.
CREATE TABLE shop (id int PRIMARY KEY, name text);
CREATE TABLE sale (id int PRIMARY KEY, shop int, amount numeric(8, 2), day date);
INSERT INTO shop VALUES (1, 'north'), (2, 'south'), (3, 'empty');
INSERT INTO sale SELECT n, 1 + n % 2, n * 1.25, date '2024-01-01' + n FROM generate_series(1, 10) n;
SELECT s.name, t.* FROM shop s, LATERAL (SELECT id, amount FROM sale WHERE shop = s.id ORDER BY amount DESC LIMIT 2) t ORDER BY s.id, t.id;
SELECT s.name, t.id FROM shop s LEFT JOIN LATERAL (SELECT id FROM sale WHERE shop = s.id ORDER BY day LIMIT 1) t ON true ORDER BY s.id;
SELECT s.name, t.total FROM shop s CROSS JOIN LATERAL (SELECT sum(amount) AS total FROM sale WHERE shop = s.id) t ORDER BY s.id;
-- Functions in FROM are lateral without the word.
SELECT s.id, g FROM shop s, generate_series(1, s.id) g ORDER BY 1, 2;
SELECT s.id, g, n FROM shop s, generate_series(s.id, 2) WITH ORDINALITY AS t (g, n) ORDER BY 1, 2;
SELECT a, u FROM (VALUES (ARRAY[1, 2]), (ARRAY[]::int[]), (NULL), (ARRAY[3])) v (a) LEFT JOIN LATERAL unnest(a) u ON true ORDER BY u;
SELECT * FROM ROWS FROM (generate_series(1, 3), unnest(ARRAY['a', 'b'])) AS t (n, s);
SELECT x, y, z FROM generate_series(1, 2) x, LATERAL (SELECT x * 10 AS y) a, LATERAL (SELECT y + x AS z) b;
SELECT j.key, e FROM (SELECT '{"a": [1, 2], "b": []}'::jsonb AS d) t, jsonb_each(d) j, jsonb_array_elements(j.value) e;
-- Without the word, and to the wrong side, it may not.
SELECT * FROM shop s, (SELECT * FROM sale WHERE shop = s.id) t;
SELECT * FROM shop s RIGHT JOIN LATERAL (SELECT * FROM sale WHERE shop = s.id) t ON true;
SELECT * FROM shop s FULL JOIN LATERAL (SELECT s.id) t ON true;
-- What LATERAL asks for counts among the columns that an index has to have.
CREATE TABLE wide (id int PRIMARY KEY, a text, b text UNIQUE, c boolean);
INSERT INTO wide SELECT g, repeat('x', 500), g::text, g = 7 FROM generate_series(1, 300) g;
ANALYZE wide;
SELECT s.id FROM wide w, LATERAL (SELECT id FROM shop WHERE w.c) s ORDER BY 1;
