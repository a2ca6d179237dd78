"""Settlement for every connector that settles: files from a drop folder, judged whole, matched part by part, told in tables."""
