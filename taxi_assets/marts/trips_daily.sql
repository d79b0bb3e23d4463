-- One row a service and pickup day of a month's files.
SELECT
  service,
  DATE(pickup_at) AS day,
  COALESCE(DATE_TRUNC(DATE(pickup_at), MONTH) <> @trip_month, TRUE) AS is_stray,
  COUNT(*) AS trips,
  CAST(SUM(revenue) AS FLOAT64) AS revenue_usd,
  CAST(SUM(tips) AS FLOAT64) AS tips_usd,
  CAST(SUM(tips) AS FLOAT64) / NULLIF(CAST(SUM(revenue) AS FLOAT64), 0) AS tip_share,
  CAST(SUM(distance) AS FLOAT64) AS distance_miles,
  CAST(SUM(DATETIME_DIFF(dropoff_at, pickup_at, SECOND)) AS FLOAT64) / 3600 AS duration_hours
FROM trips
GROUP BY 1, 2, 3
