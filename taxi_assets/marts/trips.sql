-- Every service's trips of one month in the same columns: the one place that says what "revenue" is.
-- exact(x): see query.py. A service whose month does not stand in the warehouse is left out.
SELECT
  'yellow' AS service, pickup_at, dropoff_at, pu_location_id,
  exact(total_amount) AS revenue, exact(tip_amount) AS tips, exact(trip_distance) AS distance
FROM yellow_trips WHERE trip_month = @trip_month
UNION ALL
SELECT
  'green' AS service, pickup_at, dropoff_at, pu_location_id,
  exact(total_amount) AS revenue, exact(tip_amount) AS tips, exact(trip_distance) AS distance
FROM green_trips WHERE trip_month = @trip_month
UNION ALL
SELECT  -- its bases report no money and no distance: unknown, which is not 0
  'fhv' AS service, pickup_at, dropoff_at, pu_location_id,
  NULL AS revenue, NULL AS tips, NULL AS distance
FROM fhv_trips WHERE trip_month = @trip_month
UNION ALL
SELECT  -- has no total: what the passenger was charged, tip included, as in the taxis' total_amount
  'fhvhv' AS service, pickup_at, dropoff_at, pu_location_id,
  COALESCE(exact(base_passenger_fare), 0) + COALESCE(exact(tolls), 0) + COALESCE(exact(bcf), 0)
    + COALESCE(exact(sales_tax), 0) + COALESCE(exact(congestion_surcharge), 0) + COALESCE(exact(airport_fee), 0)
    + COALESCE(exact(cbd_congestion_fee), 0) + COALESCE(exact(tips), 0) AS revenue,
  exact(tips) AS tips, exact(trip_miles) AS distance
FROM fhvhv_trips WHERE trip_month = @trip_month
