"""Who is measured against whom by compare.py, and how."""
