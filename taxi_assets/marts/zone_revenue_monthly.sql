-- One row a service and pickup zone of a month's files; trips without a zone count under no zone.
SELECT
  trips.service AS service,
  trips.pu_location_id AS location_id,
  zones.borough AS borough,
  zones.zone AS zone,
  COUNT(*) AS trips,
  CAST(SUM(trips.revenue) AS FLOAT64) AS revenue_usd,
  CAST(SUM(trips.tips) AS FLOAT64) AS tips_usd,
  CAST(SUM(trips.distance) AS FLOAT64) AS distance_miles,
  CAST(SUM(DATETIME_DIFF(trips.dropoff_at, trips.pickup_at, SECOND)) AS FLOAT64) / 3600 AS duration_hours
FROM trips
LEFT JOIN zones ON zones.location_id = trips.pu_location_id
GROUP BY 1, 2, 3, 4
