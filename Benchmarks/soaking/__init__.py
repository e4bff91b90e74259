"""What the soak is made of: a place, its table, those who ask, those who make trouble, and the verdict."""
