"""What the backends share that give slices of the jobs to runs of an engine: its parent's side and the runs' side."""
