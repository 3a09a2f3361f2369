"""Documents as files: plain text, tables, what scorers read, captions."""
