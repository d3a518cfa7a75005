-- GROUP BY with several sets of groups in one go.
CREATE TABLE sale (region text, kind text, year int, amount int);
INSERT INTO sale VALUES ('n', 'a', 2020, 1), ('n', 'b', 2020, 2), ('s', 'a', 2020, 4), ('s', 'a', 2021, 8), (NULL, 'b', 2021, 16);
SELECT region, kind, sum(amount), grouping(region, kind) FROM sale GROUP BY ROLLUP (region, kind) ORDER BY 4, 1, 2;
SELECT region, kind, sum(amount), grouping(region), grouping(kind) FROM sale GROUP BY CUBE (region, kind) ORDER BY 4, 5, 1, 2;
SELECT region, year, count(*) FROM sale GROUP BY GROUPING SETS ((region), (year), ()) ORDER BY grouping(region, year), 1, 2;
SELECT region, kind, year, sum(amount) FROM sale GROUP BY region, ROLLUP (kind, year) ORDER BY 1, 2, 3, 4;
SELECT region, kind, sum(amount) FROM sale GROUP BY ROLLUP (region), CUBE (kind) ORDER BY 1, 2, 3;
SELECT region, sum(amount) FROM sale GROUP BY ROLLUP (region) HAVING grouping(region) = 0 OR sum(amount) > 30 ORDER BY 1, 2;
SELECT year / 2, count(*) FROM sale GROUP BY GROUPING SETS ((year / 2), ()) ORDER BY 1;
SELECT region, kind, count(*) FROM sale GROUP BY DISTINCT ROLLUP (region, kind), ROLLUP (region) ORDER BY 1, 2, 3;
SELECT (region, kind), count(*) FROM sale GROUP BY ROLLUP ((region, kind)) ORDER BY 1, 2;
SELECT sum(amount) FROM sale GROUP BY GROUPING SETS ((), ());
SELECT sum(amount), count(*) FROM sale WHERE false GROUP BY GROUPING SETS ((), (kind));
-- Plain groups: by position, by alias, by a key; FILTER, DISTINCT and ORDER BY within.
SELECT region AS r, count(*) FROM sale GROUP BY r ORDER BY r NULLS FIRST;
SELECT kind, count(*) FROM sale GROUP BY 1 ORDER BY 2 DESC, 1;
SELECT kind, sum(amount) FILTER (WHERE year = 2020), count(DISTINCT year), string_agg(region, ',' ORDER BY amount DESC) FROM sale GROUP BY kind ORDER BY kind;
SELECT count(*), sum(amount), avg(amount), min(region), bool_and(amount > 0), array_agg(amount ORDER BY amount) FROM sale WHERE false;
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY amount), percentile_disc(0.5) WITHIN GROUP (ORDER BY amount), mode() WITHIN GROUP (ORDER BY kind) FROM sale;
SELECT stddev(amount), var_pop(amount), corr(amount, year), regr_slope(amount, year) FROM sale;
SELECT kind FROM sale GROUP BY kind HAVING count(*) > 2;
SELECT 1 FROM sale HAVING count(*) > 1;
CREATE TABLE k (id int PRIMARY KEY, v text);
INSERT INTO k VALUES (1, 'x'), (2, 'y');
SELECT id, v, count(*) FROM k GROUP BY id ORDER BY id;
-- What is wrong.
SELECT region, kind FROM sale GROUP BY region;
SELECT v, count(*) FROM k GROUP BY v || 'x';
SELECT sum(sum(amount)) FROM sale;
SELECT * FROM sale WHERE sum(amount) > 1;
SELECT kind FROM sale GROUP BY sum(amount);
SELECT grouping(year) FROM sale GROUP BY kind;
SELECT kind FROM sale GROUP BY 5;
SELECT count(*) FILTER (WHERE amount) FROM sale;
SELECT percentile_cont(2) WITHIN GROUP (ORDER BY amount) FROM sale;
