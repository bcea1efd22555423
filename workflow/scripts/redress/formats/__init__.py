"""What is on disk, and the words for it. Imports nothing of the other rooms, and no PyTorch."""
