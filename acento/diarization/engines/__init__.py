"""What diarizes: the embedded engine, pyannote's pipelines, NeMo's Sortformer; one file or folder each."""
