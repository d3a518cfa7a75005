-- Functions of SQL statements: arguments by place, by name and by default; rows and sets.
CREATE TABLE staff (id int PRIMARY KEY, name text, boss int);
INSERT INTO staff VALUES (1, 'ada', NULL), (2, 'ben', 1), (3, 'cho', 1);

CREATE FUNCTION box_area(width int, height int DEFAULT 10) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT width * height';
SELECT box_area(2), box_area(2, 3), box_area(height => 4, width => 5);
SELECT box_area('x');
CREATE FUNCTION box_area(width int, height int) RETURNS int LANGUAGE sql AS 'SELECT 1';

-- Sets, rows and OUT arguments.
CREATE FUNCTION team(boss_id int) RETURNS SETOF staff LANGUAGE sql STABLE AS $$
    SELECT * FROM staff WHERE boss = boss_id ORDER BY id
$$;
SELECT id, name FROM team(1) WHERE id > 2;
SELECT (team(1)).name;
CREATE FUNCTION named(boss_id int) RETURNS TABLE (number int, label text) LANGUAGE sql AS $$
    SELECT id, upper(name) FROM staff WHERE boss = boss_id ORDER BY 1
$$;
SELECT * FROM named(1);
CREATE FUNCTION extremes(OUT least int, OUT most int) LANGUAGE sql AS 'SELECT min(id), max(id) FROM staff';
SELECT * FROM extremes();
SELECT extremes();

-- What it changes, its own next statement sees, and so does who calls it next.
CREATE FUNCTION hire(new_name text) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO staff SELECT max(id) + 1, new_name, 1 FROM staff;
    SELECT count(*) FROM staff;
$$;
SELECT hire('dee'), hire('eve');
SELECT name FROM staff ORDER BY id;

-- NULL does not reach a strict one; any type; any number of arguments; itself.
CREATE FUNCTION or_five(n int) RETURNS int LANGUAGE sql STRICT AS 'SELECT coalesce(n, 5)';
SELECT or_five(NULL), or_five(2);
CREATE FUNCTION pair(anyelement, anyelement) RETURNS anyarray LANGUAGE sql AS 'SELECT ARRAY[$1, $2]';
SELECT pair(1, 2), pair('a'::text, 'b');
CREATE FUNCTION how_many(VARIADIC items text[]) RETURNS int LANGUAGE sql AS 'SELECT cardinality(items)';
SELECT how_many('a', 'b', 'c'), how_many(VARIADIC ARRAY['a']);
CREATE FUNCTION factorial_of(n int) RETURNS bigint LANGUAGE sql AS $$
    SELECT CASE WHEN n <= 1 THEN 1 ELSE n * factorial_of(n - 1) END
$$;
SELECT factorial_of(10);
CREATE FUNCTION twice(n int) RETURNS int RETURN n * 2;
SELECT twice(21);

-- What does not fit.
CREATE FUNCTION bad() RETURNS int LANGUAGE sql AS $$ SELECT 'a'::text $$;
CREATE FUNCTION bad() RETURNS int LANGUAGE sql AS $$ SELECT 1, 2 $$;
CREATE FUNCTION bad() RETURNS int LANGUAGE sql AS $$ INSERT INTO staff VALUES (9) $$;
CREATE FUNCTION bad() RETURNS int LANGUAGE nothing AS 'x';
CREATE OR REPLACE FUNCTION twice(n int) RETURNS text RETURN 'x';

-- Procedures.
CREATE PROCEDURE fire(who text) LANGUAGE sql AS 'DELETE FROM staff WHERE name = who';
CALL fire('eve');
CALL twice(1);
SELECT count(*) FROM staff;

-- DROP finds it by its arguments.
DROP FUNCTION twice(text);
DROP FUNCTION nothing;
CREATE FUNCTION twice(n text) RETURNS text LANGUAGE sql AS 'SELECT n || n';
DROP FUNCTION twice;
DROP FUNCTION twice(text), twice(int);
SELECT twice(1);
DROP TABLE staff;
