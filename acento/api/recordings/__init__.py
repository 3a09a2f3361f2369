"""What people ask of recordings: transcripts, drafts, captions, and who speaks in them."""
