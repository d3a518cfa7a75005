-- Views: stored queries, and what depends on them.
CREATE TABLE base (id int PRIMARY KEY, name text, secret int);
INSERT INTO base VALUES (1, 'a', 10), (2, 'b', 20);
CREATE VIEW v AS SELECT id, name FROM base WHERE secret > 10;
SELECT * FROM v;
CREATE VIEW w (n, total) AS SELECT name, sum(secret) FROM base GROUP BY name;
SELECT w.total FROM w WHERE n = 'a';
SELECT * FROM v JOIN w ON v.name = w.n;
CREATE OR REPLACE VIEW v AS SELECT id, name, secret * 2 AS twice FROM base;
SELECT * FROM v ORDER BY id;
INSERT INTO base VALUES (3, 'c', 30);
SELECT count(*) FROM v;
CREATE VIEW vv AS SELECT max(twice) AS m FROM v;
SELECT * FROM vv;
-- not here: the layout differs
SELECT pg_get_viewdef('vv'::regclass);
ALTER VIEW vv RENAME TO vvv;
ALTER TABLE base RENAME name TO label;
SELECT * FROM v ORDER BY id LIMIT 1;
CREATE TEMP VIEW tv AS SELECT 1 AS one;
SELECT * FROM tv;
-- What is wrong.
CREATE OR REPLACE VIEW v AS SELECT id FROM base;
CREATE OR REPLACE VIEW v AS SELECT id AS x, label, secret FROM base;
CREATE VIEW v AS SELECT 1;
CREATE VIEW bad AS SELECT 1, 2;
CREATE VIEW bad AS SELECT * FROM nothing;
-- not here: what depends through a view is told otherwise
ALTER TABLE base DROP COLUMN secret;
-- not here: another view is told first
ALTER TABLE base ALTER secret TYPE bigint;
-- not here: what depends through a view is told otherwise
DROP TABLE base;
DROP VIEW v;
DROP TABLE v;
DROP VIEW base;
DROP VIEW v CASCADE;
SELECT * FROM vvv;
DROP VIEW IF EXISTS v;
-- Views follow a column to its new name.
CREATE TABLE followed (id int, name text);
INSERT INTO followed VALUES (1, 'a'), (2, 'b');
CREATE VIEW f1 AS SELECT x.name, upper(x.name) AS u, (SELECT max(b.name) FROM followed b WHERE b.name > x.name) FROM (SELECT name FROM followed WHERE name IS NOT NULL GROUP BY name) x ORDER BY name;
CREATE VIEW f2 AS SELECT b.n FROM followed b (i, n) ORDER BY n;
CREATE VIEW f3 AS WITH q AS (SELECT name FROM followed) SELECT name FROM q UNION SELECT name FROM f1 ORDER BY name;
CREATE VIEW f4 AS SELECT id, name FROM followed;
ALTER TABLE followed RENAME name TO label;
SELECT * FROM f1;
SELECT * FROM f2;
SELECT * FROM f3;
UPDATE f4 SET name = 'c' WHERE id = 1 RETURNING *;
SELECT * FROM followed ORDER BY id;
