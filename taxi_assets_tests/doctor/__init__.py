"""What ``taxi-assets doctor`` finds, over real servers in every kind of trouble."""
