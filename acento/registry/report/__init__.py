"""Reports: a run, or a comparison of two, as one HTML page that needs no network."""
