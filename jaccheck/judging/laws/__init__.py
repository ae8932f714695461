"""What must hold of every method on every case: an object for each law, in files of one or a few."""
