# The cloud's half of the installation: a bucket, a dataset, and one account that may do no more than load them.
# docs/kubernetes.md has the way from here to a cluster.

locals {
  logs = "compute_logs/" # beside the tables; the folder that deploy/helm/values.yaml names
}

resource "google_project_service" "needed" {
  for_each = toset(["bigquery.googleapis.com", "iamcredentials.googleapis.com", "storage.googleapis.com"])

  project            = var.project
  service            = each.value
  disable_on_destroy = false # somebody else in the project may need them
}

resource "google_storage_bucket" "lake" {
  name                        = var.bucket
  project                     = var.project
  location                    = var.location
  labels                      = var.labels
  uniform_bucket_level_access = true       # rights by IAM alone, none by object
  public_access_prevention    = "enforced" # no grant, by mistake or not, makes it public
  force_destroy               = false

  versioning {
    enabled = true # a month that was replaced by mistake can be had back
  }

  soft_delete_policy {
    retention_duration_seconds = 0 # versions do the same, and would be billed twice
  }

  lifecycle_rule {
    condition {
      days_since_noncurrent_time = var.keep_replaced_days
      with_state                 = "ARCHIVED"
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      age            = var.keep_logs_days
      matches_prefix = [local.logs]
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      age = 1 # what a run that died left half sent
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  depends_on = [google_project_service.needed]
}

resource "google_bigquery_dataset" "trips" {
  dataset_id                 = var.dataset
  project                    = var.project
  location                   = var.location
  description                = "New York City taxi trips: a table for each service, partitioned by the month of the published file."
  labels                     = var.labels
  max_time_travel_hours      = 168 # seven days: `FOR SYSTEM_TIME AS OF` shows what stood before a month was replaced
  delete_contents_on_destroy = false

  depends_on = [google_project_service.needed]
}

resource "google_service_account" "loader" {
  account_id   = var.service_account
  project      = var.project
  display_name = "taxi_assets: loads the lake and the warehouse"
}

# Objects may be read, written and deleted; the bucket itself, its rules and its rights may not be touched.
resource "google_storage_bucket_iam_member" "loader" {
  bucket = google_storage_bucket.lake.name
  role   = "roles/storage.objectUser"
  member = google_service_account.loader.member
}

# To look the bucket up, which Dagster's log manager does before it writes what steps print.
resource "google_storage_bucket_iam_member" "loader_logs" {
  bucket = google_storage_bucket.lake.name
  role   = "roles/storage.legacyBucketReader"
  member = google_service_account.loader.member
}

# Tables of this one dataset.
resource "google_bigquery_dataset_iam_member" "loader" {
  project    = var.project
  dataset_id = google_bigquery_dataset.trips.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.loader.member
}

# To start load and query jobs; it gives no right to any data.
resource "google_project_iam_member" "loader_jobs" {
  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.loader.member
}

# Workload identity: pods are the account without any key. There is no key to leak, or to rotate.
resource "google_service_account_iam_member" "pods" {
  service_account_id = google_service_account.loader.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[${var.namespace}/${var.kubernetes_service_account}]"
}
