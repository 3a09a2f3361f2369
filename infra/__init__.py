"""Where code runs and bytes live: compute backends, one engine a file. They submit and collect; tasks retry."""
