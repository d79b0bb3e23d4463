terraform {
  required_version = ">= 1.5"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 5.20, < 8.0" # soft_delete_policy came with 5.20
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
}
