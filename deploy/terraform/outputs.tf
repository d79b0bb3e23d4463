output "lake_url" {
  description = "Value of TAXI_LAKE_URL."
  value       = "gs://${google_storage_bucket.lake.name}"
}

output "warehouse_url" {
  description = "Value of TAXI_WAREHOUSE_URL."
  value       = "bigquery://${var.project}/${google_bigquery_dataset.trips.dataset_id}?location=${var.location}"
}

output "service_account" {
  description = "Value of the annotation iam.gke.io/gcp-service-account in deploy/kubernetes/namespace.yaml."
  value       = google_service_account.loader.email
}
