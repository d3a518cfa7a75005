-- Each kind of join, with NULL keys on both sides.
CREATE TABLE city (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE person (id int PRIMARY KEY, name text, city int, boss int);
INSERT INTO city VALUES (1, 'Rome'), (2, 'Oslo'), (3, 'Lima');
INSERT INTO person VALUES (1, 'ada', 1, NULL), (2, 'bob', 2, 1), (3, 'eve', NULL, 1), (4, 'joe', 9, 2), (5, 'kim', 1, 3);
SELECT p.name, c.name FROM person p JOIN city c ON c.id = p.city ORDER BY 1;
SELECT p.name, c.name FROM person p LEFT JOIN city c ON c.id = p.city ORDER BY 1;
SELECT p.name, c.name FROM person p RIGHT JOIN city c ON c.id = p.city ORDER BY c.id, 1;
SELECT p.name, c.name FROM person p FULL JOIN city c ON c.id = p.city ORDER BY 1, 2;
SELECT count(*) FROM person CROSS JOIN city;
SELECT count(*) FROM person, city WHERE person.city <> city.id;
-- USING merges the columns; NATURAL finds them.
SELECT * FROM person JOIN city USING (id) ORDER BY id;
SELECT * FROM person NATURAL JOIN city ORDER BY id;
SELECT id, person.id, city.id FROM person FULL JOIN city USING (id) ORDER BY id;
SELECT * FROM person LEFT JOIN city USING (id) AS j ORDER BY j.id;
-- Conditions of the join and conditions of the whole are different things in an outer join.
SELECT p.name, c.name FROM person p LEFT JOIN city c ON c.id = p.city AND c.name = 'Rome' ORDER BY 1;
SELECT p.name, c.name FROM person p LEFT JOIN city c ON c.id = p.city WHERE c.name = 'Rome' ORDER BY 1;
SELECT p.name, c.name FROM person p LEFT JOIN city c ON p.id > 3 ORDER BY p.id, c.id;
SELECT p.name, c.name FROM person p FULL JOIN city c ON c.id = p.city AND p.id > 2 ORDER BY 1, 2;
SELECT a.name, b.name, c.name FROM person a LEFT JOIN (person b JOIN city c ON c.id = b.city) ON a.boss = b.id ORDER BY 1;
SELECT a.name, b.name FROM person a JOIN person b ON a.boss = b.id ORDER BY 1;
SELECT a.name, count(b.id) FROM person a LEFT JOIN person b ON b.boss = a.id GROUP BY a.name ORDER BY 1;
SELECT * FROM (VALUES (1, 'x'), (2, 'y')) v (id, t) JOIN city USING (id) ORDER BY 1;
SELECT a.x, b.y FROM (VALUES (1), (NULL)) a (x) FULL JOIN (VALUES (NULL::int), (1)) b (y) ON a.x = b.y ORDER BY 1, 2;
SELECT a.x, b.y FROM (VALUES (1), (NULL)) a (x) JOIN (VALUES (NULL::int), (1)) b (y) ON a.x IS NOT DISTINCT FROM b.y ORDER BY 1, 2;
-- What is wrong with a join.
SELECT name FROM person JOIN city ON true;
SELECT * FROM person JOIN city USING (nothing);
SELECT * FROM person p JOIN city p ON true;
SELECT person.name FROM person p;
SELECT * FROM person a JOIN person b ON c.id = 1 JOIN city c ON true;
-- not here: we can, PostgreSQL cannot
SELECT * FROM person FULL JOIN city ON person.id < city.id;
SELECT * FROM person JOIN city;
