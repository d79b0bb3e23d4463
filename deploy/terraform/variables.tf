variable "project" {
  description = "Id of the Google Cloud project that everything is made in."
  type        = string
}

variable "region" {
  description = "Region of the provider; the cluster should be in it, so that reading the lake costs nothing."
  type        = string
  default     = "us-central1"
}

variable "location" {
  description = "Where the bucket and the dataset are: a region or a multi-region. BigQuery loads from a bucket in the same place only."
  type        = string
  default     = "US"
}

variable "bucket" {
  description = "Name of the lake's bucket; bucket names are unique in all of Google Cloud."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "A bucket's name has 3 to 63 small letters, digits, dots, dashes and underscores."
  }
}

variable "dataset" {
  description = "Name of the BigQuery dataset with a table for each service."
  type        = string
  default     = "taxi"

  validation {
    condition     = can(regex("^[A-Za-z0-9_]+$", var.dataset))
    error_message = "A dataset's name has letters, digits and underscores only."
  }
}

variable "service_account" {
  description = "Name of the service account that runs load as."
  type        = string
  default     = "taxi-assets"
}

variable "namespace" {
  description = "Kubernetes namespace that Dagster is installed in."
  type        = string
  default     = "taxi-assets"
}

variable "kubernetes_service_account" {
  description = "Kubernetes service account that may be the service account: deploy/kubernetes/namespace.yaml makes it."
  type        = string
  default     = "taxi-assets"
}

variable "keep_replaced_days" {
  description = "Days that a replaced or deleted object of the lake can be had back. Every re-published month leaves one."
  type        = number
  default     = 30
}

variable "keep_logs_days" {
  description = "Days that what steps print is kept."
  type        = number
  default     = 90
}

variable "labels" {
  description = "Labels of the bucket and the dataset, for the bill."
  type        = map(string)
  default     = { application = "taxi-assets" }
}
