"""What exercises share."""
