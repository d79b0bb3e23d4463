"""What Dagster believes against what stands in the stores: found, told, mended, and registered anew."""
