"""What was heard in the windows of a recording, put together to a document."""
