-- COPY in and out: text, CSV.
CREATE TABLE t (a int PRIMARY KEY, b text, c numeric DEFAULT 1.5);
COPY t FROM STDIN;
1	one	1.1
2	\N	\N
3	tab\there\nnewline \\ back	3
\.
COPY t (a, b) FROM STDIN (DELIMITER '|', NULL 'nil');
4|four
5|nil
\.
COPY t TO STDOUT;
COPY t TO STDOUT (FORMAT csv, HEADER);
COPY (SELECT a, b FROM t WHERE a > 3 ORDER BY a DESC) TO STDOUT (FORMAT csv, NULL 'none', FORCE_QUOTE (b));
COPY t FROM STDIN (FORMAT csv, HEADER);
a,b,c
6,"six, ""quoted""",6
7,,7
8,"",
9,"two
lines",9
\.
SELECT * FROM t WHERE a > 5 ORDER BY a;
COPY t FROM STDIN (FORMAT csv, DELIMITER ';', QUOTE '''', ESCAPE '\', FORCE_NULL (b), FORCE_NOT_NULL (c));
20;'it\'s';1
21;'';2
\.
COPY t (a) FROM STDIN WHERE a > 30;
30
31
\.
SELECT * FROM t WHERE a > 19 ORDER BY a;
COPY t (b, a) TO STDOUT (FORMAT csv, QUOTE '"', DELIMITER E'\t');
-- What is wrong: the row and the column are named.
COPY t FROM STDIN;
50	x	1
x	y	2
\.
COPY t FROM STDIN;
50	x
\.
COPY t FROM STDIN;
50	x	1	2
\.
COPY t FROM STDIN;
50	x	1
50	y	2
\.
-- not here: the line is not told
COPY t FROM STDIN (FORMAT csv);
60,"open,1
\.
COPY t FROM STDIN (FORMAT csv, HEADER match);
a,x,c
1,2,3
\.
COPY t (nothing) FROM STDIN;
\.
COPY nothing TO STDOUT;
-- not here: the position is missing
COPY t TO STDOUT (FORMAT wrong);
COPY t TO STDOUT (DELIMITER 'xx');
COPY t TO STDOUT (QUOTE '"');
SELECT count(*) FROM t;
-- Triggers of a copy that fails leave nothing behind, in a transaction neither.
BEGIN;
COPY t FROM STDIN;
70	x	1
\.
COPY t FROM STDIN;
1	x	1
\.
COMMIT;
SELECT count(*) FROM t WHERE a = 70;
