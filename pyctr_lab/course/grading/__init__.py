"""How any exercise is graded."""
