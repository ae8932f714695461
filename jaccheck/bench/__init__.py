"""The methods side by side, and beside the time that memory alone takes."""
