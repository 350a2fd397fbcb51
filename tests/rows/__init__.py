"""The rows of the table, by family. Each module has ROWS, a list of Case."""
