"""Examples to learn from and to be judged by: readers of files and folders. No deep-learning framework here."""
