"""What somebody brings: pictures with given labels, and a list of samples that turned out bad."""
