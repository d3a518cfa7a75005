-- Window functions: partitions, orders, frames of three kinds.
CREATE TABLE pay (name text, dept text, amount int, day date);
INSERT INTO pay VALUES ('ada', 'x', 30, '2024-01-01'), ('bob', 'x', 20, '2024-01-02'), ('eve', 'x', 20, '2024-01-05'), ('joe', 'y', 10, '2024-01-02'), ('kim', 'y', NULL, '2024-01-03');
SELECT name, row_number() OVER (ORDER BY name), rank() OVER w, dense_rank() OVER w, percent_rank() OVER w, cume_dist() OVER w, ntile(2) OVER w FROM pay WINDOW w AS (ORDER BY amount) ORDER BY name;
SELECT name, sum(amount) OVER (PARTITION BY dept), sum(amount) OVER (PARTITION BY dept ORDER BY day), count(*) OVER () FROM pay ORDER BY name;
SELECT name, lag(name) OVER w, lead(name, 2, 'none') OVER w, first_value(name) OVER w, last_value(name) OVER w, nth_value(name, 2) OVER w FROM pay WINDOW w AS (ORDER BY day, name) ORDER BY day, name;
SELECT name, sum(amount) OVER (ORDER BY name ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING), sum(amount) OVER (ORDER BY name ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM pay ORDER BY name;
SELECT name, amount, count(*) OVER (ORDER BY amount RANGE BETWEEN 10 PRECEDING AND CURRENT ROW), count(*) OVER (ORDER BY amount GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM pay ORDER BY amount, name;
SELECT name, array_agg(name) OVER (ORDER BY day RANGE BETWEEN '1 day' PRECEDING AND '1 day' FOLLOWING) FROM pay WHERE dept = 'x' ORDER BY name;
SELECT name, array_agg(amount) OVER (ORDER BY amount ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW), count(*) OVER (ORDER BY amount RANGE UNBOUNDED PRECEDING EXCLUDE TIES), sum(amount) OVER (ORDER BY amount GROUPS 1 PRECEDING EXCLUDE GROUP) FROM pay ORDER BY amount, name;
SELECT name, sum(amount) FILTER (WHERE amount > 15) OVER (PARTITION BY dept) FROM pay ORDER BY name;
SELECT dept, sum(amount), rank() OVER (ORDER BY sum(amount) DESC), sum(sum(amount)) OVER () FROM pay GROUP BY dept ORDER BY dept;
SELECT name FROM (SELECT name, row_number() OVER (PARTITION BY dept ORDER BY amount DESC NULLS LAST) AS n FROM pay) t WHERE n = 1 ORDER BY 1;
SELECT name, avg(amount) OVER w AS a FROM pay WINDOW w AS (PARTITION BY dept ORDER BY name), v AS (w ROWS CURRENT ROW) ORDER BY name;
SELECT DISTINCT dept, count(*) OVER (PARTITION BY dept) FROM pay ORDER BY 1;
SELECT name, row_number() OVER (ORDER BY day DESC) FROM pay ORDER BY row_number() OVER (ORDER BY day DESC), name LIMIT 2;
-- What is wrong.
SELECT name FROM pay WHERE row_number() OVER () = 1;
SELECT rank() FROM pay;
SELECT sum(amount) OVER w FROM pay;
SELECT sum(amount) OVER (ORDER BY name ROWS BETWEEN CURRENT ROW AND 1 PRECEDING) FROM pay;
SELECT sum(amount) OVER (ORDER BY name RANGE 1 PRECEDING) FROM pay;
SELECT sum(amount) OVER (ROWS -1 PRECEDING) FROM pay;
SELECT sum(amount) OVER (RANGE 1 PRECEDING) FROM pay;
SELECT count(DISTINCT name) OVER () FROM pay;
SELECT sum(rank() OVER ()) FROM pay;
SELECT lower('x') OVER ();
SELECT ntile(0) OVER () FROM pay;
SELECT nth_value(name, 0) OVER () FROM pay;
