"""What must hold of every method on every case, one law a function."""
