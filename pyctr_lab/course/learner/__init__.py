"""What the course keeps of a learner."""
