"""The report of the gate as text, JUnit and Markdown."""
